"""The report as a page: well-formed, of itself alone, and the same whatever names are in it."""

import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magicpak.reports.document import (
    SCHEMA_VERSION,
    Document,
    ReportEntry,
    ReportExcluded,
    ReportMissing,
    ReportNeed,
    ReportObject,
    ReportPackage,
    ReportProblem,
    ReportProcess,
    ReportTotals,
)
from magicpak.reports.html.page import page

VOID = {"input", "meta"}
LOADING = {"src", "srcset", "action", "data", "poster", "background", "formaction", "ping", "style"}
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a b\"c'd&amp;",
    "\x1b[31mred\x00\n\r",
    "\udcff\udcfe",
    "100%25 sure#not?really+so",
    "\u202egnp.elif",
    "</title></style>-->]]>",
    "javascript:alert(1)",
)


class Page(HTMLParser):
    """What a browser would make of a page, as far as these tests ask; it refuses tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.declarations: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_decl(self, decl: str) -> None:
        self.declarations.append(decl)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), "an attribute is there twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"rect", "path"}
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)

    def values(self, attribute: str) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get(attribute)) is not None]

    def count(self, tag: str) -> int:
        return sum(each == tag for each, _ in self.elements)

    def rows(self) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == "tr" and "data-type" in attributes]


def words(written: str) -> str:
    """Return what a page has to read, on one line."""
    body = written[written.index("<body>") : written.index("<script>")]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def entry(path: str, size: int = 0, *, reason: str = "the executable to be bundled", **others: Any) -> ReportEntry:
    is_link = "target" in others
    plain = ReportEntry(path, "link" if is_link else "file", size, "0755", 0, 0, path, None, reason, None, None)
    return plain._replace(**others)


def need(name: str, path: str | None, **others: Any) -> ReportNeed:
    return ReportNeed(name, path, "ld.so.cache" if path else None, path, False, None)._replace(**others)


def document(entries: list[ReportEntry], **others: Any) -> Document:
    files = [each for each in entries if each.type == "file"]
    totals = ReportTotals(len(files), sum(each.size for each in files), 0, 0, 0)
    plain = Document(SCHEMA_VERSION, "2.0", "out", False, True, totals, tuple(entries), (), (), (), (), (), None)
    return plain._replace(**others)


PROGRAM = ReportObject(
    "/bin/app", "/bin/app", None, (need("liba.so.1", "/lib/liba.so.1"), need("libc.so", "/lib/libc.so"))
)
LIBRARY = ReportObject("/lib/liba.so.1", "/lib/liba.so.1", "liba.so.1", (need("libc.so", "/lib/libc.so"),))
LIBC = ReportObject("/lib/libc.so", "/lib/libc.so", "libc.so", ())
PLAIN = document(
    [
        entry("/bin/app", 20_000, package=0),
        entry("/lib", type="directory", reason="liba.so.1 needed by /bin/app", asked_by="/bin/app"),
        entry("/lib/liba.so.1", target="liba.so.1.2", reason="liba.so.1 needed by /bin/app", asked_by="/bin/app"),
        entry("/lib/liba.so.1.2", 3_000, package=1, reason="liba.so.1 needed by /bin/app", asked_by="/bin/app"),
        entry("/lib/libc.so", 1_500_000, reason="libc.so needed by /lib/liba.so.1", asked_by="/lib/liba.so.1.2"),
    ],
    processes=(ReportProcess("bin/app", None, None, (PROGRAM, LIBRARY, LIBC)),),
    packages=(
        ReportPackage("dpkg", "app", "1.0-1", "amd64", 1, 20_000),
        ReportPackage("dpkg", "liba", "1.2", "amd64", 1, 3_000),
        ReportPackage("dpkg", "only-links", "1", "amd64", 0, 0),
    ),
)


def troubled() -> Document:
    """Return a document with everything that a page can hold, under names that were chosen to break it."""
    names = [f"/opt/{name}" for name in HOSTILE]
    askers = [None, *names]
    entries = [
        entry(path, 1000 + at, reason=f"{path} needed by {requester}", asked_by=requester, package=at % 2)
        for at, (path, requester) in enumerate(zip(names, askers, strict=False))
    ]
    needs = tuple(need(name, path) for name, path in zip(HOSTILE, names, strict=True))
    gone = tuple(need(f"gone {name}", None) for name in HOSTILE)
    objects = tuple(ReportObject(path, path, name, (*needs, *gone)) for name, path in zip(HOSTILE, names, strict=True))
    return document(
        entries,
        output=HOSTILE[0],
        magicpak=HOSTILE[0],
        dry_run=True,
        complete=False,
        processes=tuple(ReportProcess(name, name, name, objects) for name in HOSTILE),
        missing=tuple(ReportMissing(name, (name, name), (name, name), name) for name in HOSTILE),
        problems=tuple(ReportProblem(name, name, at % 2 == 0) for at, name in enumerate(HOSTILE)),
        excluded=tuple(ReportExcluded(path, "file", 1) for path in names),
        packages=tuple(ReportPackage("dpkg", HOSTILE[at], HOSTILE[at], "amd64", 5, 9) for at in (0, 1)),
    )


DOCUMENTS = {
    "plain": PLAIN,
    "troubled": troubled(),
    "empty": document([]),
    "without packages": PLAIN._replace(packages=None, entries=tuple(e._replace(package=None) for e in PLAIN.entries)),
    "incomplete": PLAIN._replace(entries=PLAIN.entries[:1], complete=False, dry_run=True, output=None),
}
every_document = pytest.mark.parametrize("told", DOCUMENTS.values(), ids=DOCUMENTS)


@every_document
def test_a_page_is_one_well_formed_html_in_utf_8(told: Document) -> None:
    text = page(told)
    parsed = Page(text.encode("utf-8").decode("utf-8"))
    assert parsed.declarations == ["DOCTYPE html"]
    for tag in ("html", "head", "body", "main", "style", "script"):
        assert parsed.count(tag) == 1
    assert parsed.values("charset") == ["utf-8"]
    assert [letter for letter in text if not letter.isprintable() and letter != "\n"] == []


@every_document
def test_a_page_loads_nothing(told: Document) -> None:
    parsed = Page(page(told))
    assert {name for _, attributes in parsed.elements for name in attributes if name in LOADING} == set()
    assert {tag for tag, _ in parsed.elements} & {"link", "img", "iframe", "object", "embed", "base", "use"} == set()
    assert [each for each in parsed.values("href") if not each.startswith("#")] == []
    assert re.findall(r"url\(|@import|https?:|fetch|import\(|XMLHttp", "".join(parsed.texts["style"])) == []
    assert re.findall(r"https?:|fetch\(|import\(|XMLHttp|innerHTML|eval", "".join(parsed.texts["script"])) == []


@every_document
def test_the_policy_allows_what_is_inside_and_nothing_else(told: Document) -> None:
    parsed = Page(page(told))
    (policy,) = (each["content"] for _, each in parsed.elements if each.get("http-equiv") == "Content-Security-Policy")
    hashes = {
        tag: f"'sha256-{b64encode(sha256(''.join(parsed.texts[tag]).encode()).digest()).decode()}'"
        for tag in ("style", "script")
    }
    assert policy == (
        f"default-src 'none'; style-src {hashes['style']}; script-src {hashes['script']};"
        " base-uri 'none'; form-action 'none'"
    )
    assert [name for _, attributes in parsed.elements for name in attributes if name.startswith("on")] == []


@every_document
def test_every_id_is_there_once_and_every_link_has_its_target(told: Document) -> None:
    parsed = Page(page(told))
    ids = parsed.values("id")
    assert len(ids) == len(set(ids))
    assert [each for each in ids if not each or re.search(r"\s", each)] == []
    assert {each.removeprefix("#") for each in parsed.values("href")} - set(ids) == set()


@every_document
def test_every_entry_has_a_row(told: Document) -> None:
    rows = Page(page(told)).rows()
    assert [each["data-type"] for each in rows] == [each.type for each in told.entries]
    assert [each.get("data-size", "0") for each in rows] == [str(each.size) for each in told.entries]


def test_the_same_document_is_the_same_page() -> None:
    assert page(troubled()) == page(troubled())


def test_a_name_is_text_whatever_is_in_it() -> None:
    told = words(page(DOCUMENTS["troubled"]))
    for shown in (
        "</script><script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a b\"c'd&amp;",
        r"\x1b[31mred\x00\n\r",
        r"\xff\xfe",
        "100%25 sure#not?really+so",
        r"\u202egnp.elif",
    ):
        assert f" {shown} " in told


@given(st.text(st.characters(codec=None), min_size=1).filter(lambda name: "\0" not in name))
def test_a_row_is_found_by_its_path_whatever_is_in_it(name: str) -> None:
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # no file can have that name
        return
    path = f"/x{name}"
    asked = entry("/y", reason=f"needed by {path}", asked_by=path)
    parsed = Page(page(document([entry(path, 1), asked])))
    first, second = (row["id"] for row in parsed.rows())
    assert second == "/y"
    assert parsed.values("href").count(f"#{first}") == 2  # from the picture of sizes, and from who was asked for


def test_the_head_has_the_inputs_and_the_totals() -> None:
    told = words(page(PLAIN))
    assert told.startswith("magicpak 2.0 out bundle of bin/app 1.5 MB total 3 files 0 links 0 directories 3 packages")
    assert "Largest packages Package Version Files Size app 1.0-1 1 20.0 kB liba 1.2 1 3.0 kB" in told
    assert "only-links" not in told
    assert words(page(DOCUMENTS["incomplete"])).startswith("magicpak 2.0 dry run bundle of")


def test_what_is_missing_is_told_first_with_who_needs_it_and_where_it_was_searched() -> None:
    lacking = PLAIN._replace(
        complete=False,
        missing=(ReportMissing("libgone.so.3", ("/lib/liba.so.1", "/bin/app"), ("/usr/lib", "/opt/lib"), None),),
    )
    written = page(lacking)
    assert written.index("libgone.so.3") < written.index("<svg")
    told = words(written)
    assert "libgone.so.3 needed by /lib/liba.so.1 , which is needed by /bin/app searched in /usr/lib , /opt/lib" in told
    assert "Missing libraries: nothing was written" in told
    many = ReportMissing("libgone.so.3", ("/bin/app",), tuple(f"/{number}" for number in range(2000)), None)
    assert "searched in /0 , /1 , /2 , /3 , /4 , /5 , /6 , /7 , /8 , /9 , /10 , /11 and 1988 more" in words(
        page(lacking._replace(missing=(many,)))
    )
    assert "Missing libraries" not in words(page(PLAIN))


def test_a_reason_leads_to_the_row_of_who_asked_by_whichever_name() -> None:
    written = page(PLAIN)
    assert 'libc.so needed by <a href="#/lib/liba.so.1.2">/lib/liba.so.1</a>' in written
    assert 'liba.so.1 needed by <a href="#/bin/app">/bin/app</a>' in written


def test_a_row_unfolds_to_the_whole_chain_of_reasons() -> None:
    written = page(PLAIN)
    (chain,) = re.findall(r"<details>.*?</details>", written)
    assert re.findall(r">([^<]+)<", chain) == [
        "all 2 steps, up to app",
        "liba.so.1 needed by ",
        "/bin/app",
        "the executable to be bundled",
    ]


def test_reasons_in_a_circle_end() -> None:
    one = entry("/one", reason="needed by /two", asked_by="/two")
    two = entry("/two", reason="needed by /one", asked_by="/one")
    written = page(document([one, two]))
    assert len(Page(written).rows()) == 2
    assert "<details>" not in written  # there is no step after the one that the row tells


def test_a_long_chain_of_reasons_is_cut() -> None:
    count = 2000
    entries = [entry("/0")] + [
        entry(f"/{at}", reason=f"needed by /{at - 1}", asked_by=f"/{at - 1}") for at in range(1, count)
    ]
    assert len(page(document(entries))) < 2000 * count


def test_empty_files_take_no_room_in_the_picture_of_sizes() -> None:
    parsed = Page(page(document([entry("/a", 0), entry("/b", 5)])))
    assert [each for each in parsed.values("href") if each.startswith("#/")] == ["#/b"]


def test_what_exclude_took_is_told_with_its_size() -> None:
    told = PLAIN._replace(excluded=(ReportExcluded("/usr/share/doc/x", "file", 4200),))
    assert "--exclude removed 1 entry, 4.2 kB /usr/share/doc/x 4.2 kB" in words(page(told))
