"""Print date and title of each entry of a feed, the newest first, as JSON."""

import json
import sqlite3
import sys

from lxml import etree

feed = etree.fromstring(sys.stdin.buffer.read())
table = sqlite3.connect(":memory:")
table.execute("create table entries (day text, title text)")
rows = [(entry.findtext("day"), entry.findtext("title")) for entry in feed.iter("entry")]
table.executemany("insert into entries values (?, ?)", rows)
print(json.dumps(table.execute("select * from entries order by day desc").fetchall()))
