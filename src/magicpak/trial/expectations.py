"""What a test expects, and how the program is run for it."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from magicpak.bundle.entry import Content, Copy
from magicpak.bundle.plan import BundlePlan
from magicpak.errors import InvalidUsage
from magicpak.files.script import SEARCH_PATH
from magicpak.files.view import read_host_file
from magicpak.sandbox.user import RunAs

_MAX_RECORDS = 1 << 24
"""The bytes of /etc/passwd or /etc/group that are read: more than 100,000 users."""


class Expectations(NamedTuple):
    """How each program is run, and what it must do.

    `stdin` is what it can read (None: /dev/null), `stdout` what it must print (None: anything), but for white space at
    both ends. `timeout` is in seconds. `env` is added to Docker's PATH and HOME=/.
    """

    stdin: bytes | None = None
    stdout: bytes | None = None
    exit_code: int = 0
    timeout: float = 60.0
    env: Mapping[str, str] = {}
    run_as: RunAs = RunAs()
    network: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of the program."""
        return {"PATH": ":".join(SEARCH_PATH), "HOME": "/", **self.env}


def run_as_for(user: str | None, plan: BundlePlan) -> RunAs:
    """Return the user that UID[:GID] means, names included, as Docker takes its USER.

    Names, and the groups of a user for whom none is given, are looked up in the bundle's /etc/passwd and /etc/group;
    a number that is not found there has group 0. Raises InvalidUsage for a name that is not.
    """
    if user is None:
        return RunAs()
    name, _, group = user.partition(":")
    users = _records(plan, "/etc/passwd", 4)
    known = next((fields for fields in users if name in (fields[0], fields[2])), None)
    uid = _number(known[2] if known else name, f"user {name}", "/etc/passwd")
    groups = _records(plan, "/etc/group", 3)
    if not group:
        further = [fields[2] for fields in groups if known and known[0] in "".join(fields[3:4]).split(",")]
        own, *others = [_number(each, f"group {each}", "/etc/group") for each in (known[3] if known else "0", *further)]
        return RunAs(uid, own, tuple(others))
    gid = next((fields[2] for fields in groups if group == fields[0]), group)
    return RunAs(uid, _number(gid, f"group {group}", "/etc/group"))


def _number(text: str, what: str, file: str) -> int:
    if not re.fullmatch("0*[0-9]{1,10}", text) or int(text) >= 1 << 31:
        message = f"--test-user: {file} of the bundle has no {what}"
        hint = f"use its number, or add the name with --with users, or the file with --include {file}"
        raise InvalidUsage(message, hints=[hint])
    return int(text)


def _records(plan: BundlePlan, path: str, least: int) -> list[list[str]]:
    """Return the lines of a file of the bundle with at least so many fields; none where there is no such file."""
    item = plan.reached(path)[0]
    data = b""
    if item is not None and isinstance(item.entry, Content):
        data = item.entry.data
    elif item is not None and isinstance(item.entry, Copy):
        with suppress(OSError):
            data = read_host_file(item.entry.source, _MAX_RECORDS)
    lines = [line.split(":") for line in os.fsdecode(data).split("\n")]
    return [fields for fields in lines if len(fields) >= least]
