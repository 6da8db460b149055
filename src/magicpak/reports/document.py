"""Everything that a report has of a bundle, as plain values, of which each form of report is a rendering.

The fields are those of the JSON report, `docs/report.schema.json`: a change that its readers notice gets a new
SCHEMA_VERSION. Undecodable bytes of paths are lone surrogates (PEP 383).
"""

from typing import Literal, NamedTuple

from magicpak.text import format_size, shell_line

SCHEMA_VERSION = 1


class ReportEntry(NamedTuple):
    """What is at one path of the bundle.

    `size` is in bytes, 0 for all but files; `source` is the path of the host that it is taken from, None for what
    magicpak makes; `target` the text of a link; `reason` why it is there; `asked_by` the path of the bundle that needs
    it, if one does; `package` the index in the packages of the one that owns it. `stripped` and `compressed` are the
    bytes by which `--strip` and `--compress` have made it smaller than on the host.
    """

    path: str
    type: Literal["directory", "file", "link", "fifo"]
    size: int
    mode: str
    uid: int
    gid: int
    source: str | None
    target: str | None
    reason: str
    asked_by: str | None
    package: int | None
    stripped: int = 0
    compressed: int = 0

    @property
    def size_in_words(self) -> str:
        """The size for people: `1.2 MB`, or `1.2 MB, 3.8 MB stripped`."""
        less = {"stripped": self.stripped, "compressed": self.compressed}
        return ", ".join(
            [format_size(self.size), *(f"{format_size(less[how])} {how}" for how in less if less[how] > 0)]
        )


class ReportNeed(NamedTuple):
    """One name that an object needs (DT_NEEDED and the like).

    `found` is the path by which the loader finds it on the host, `rule` the rule of ld.so(8); both are None where
    nothing has that name. `path` is its place in the bundle, links resolved, None for none. `optional` says that the
    loader forgives that it is missing, `trouble` why it stops at what it finds.
    """

    name: str
    found: str | None
    rule: str | None
    path: str | None
    optional: bool
    trouble: str | None


class ReportObject(NamedTuple):
    """An ELF file that a loader loads: its path on the host, and its place in the bundle (None: none)."""

    file: str
    path: str | None
    soname: str | None
    needs: tuple[ReportNeed, ...]


class ReportProcess(NamedTuple):
    """What a loader loads for a program, or with a library that is loaded at run time, in load order, it first.

    `given` is the INPUT as it was written, None for what is not one. `interpreter` is PT_INTERP, `trouble` why it
    cannot be used.
    """

    given: str | None
    interpreter: str | None
    trouble: str | None
    objects: tuple[ReportObject, ...]


class ReportScript(NamedTuple):
    """A script that was read, by its place in the bundle, and what runs it there, with arguments.

    `given` is the INPUT as it was written, None for what is not one. `interpreter` is the path of what reads the
    script: where env(1) starts it, that is the program that env finds.
    """

    given: str | None
    path: str
    interpreter: str
    arguments: tuple[str, ...]


class ReportMissing(NamedTuple):
    """A library or an interpreter that nothing satisfies, for one program: what needs it, the program last."""

    name: str
    needed_by: tuple[str, ...]
    searched: tuple[str, ...]
    trouble: str | None


class ReportProblem(NamedTuple):
    """Something that verification has found; `is_error` fails the run.

    `path` is that of a program, a library or a link that fails; None where `words` name it, or several.
    """

    path: str | None
    words: str
    is_error: bool


class ReportSuggestion(NamedTuple):
    """An option that adds what the bundle seems to lack: the value of `--with` or `--include`, the other one is None.

    `reason` says what a program does that calls for it.
    """

    with_: str | None
    include: str | None
    reason: str

    @property
    def option(self) -> str:
        """The option as it is written in a shell."""
        flag, value = ("--with", self.with_) if self.with_ is not None else ("--include", self.include or "")
        return shell_line([flag, value])


class ReportExcluded(NamedTuple):
    """What was at a path of the bundle before `--exclude` removed it."""

    path: str
    type: Literal["directory", "file", "link", "fifo"]
    size: int


class ReportPackage(NamedTuple):
    """A package that owns files of the bundle: how many, and their size in bytes."""

    manager: str
    name: str
    version: str
    architecture: str
    files: int
    size: int


class ReportTotals(NamedTuple):
    """How much there is: regular files, of them each content once in bytes; links, directories, named pipes."""

    files: int
    size: int
    links: int
    directories: int
    fifos: int


class ReportPackageChange(NamedTuple):
    """A package that came (no version before), went (none after), or has another version; sizes are in bytes."""

    manager: str
    name: str
    architecture: str
    version_before: str | None
    version_after: str | None
    size_before: int
    size_after: int


class ReportFileChange(NamedTuple):
    """A file that came (no size before), went (none after), or has another size, in bytes."""

    path: str
    size_before: int | None
    size_after: int | None


class ReportChanges(NamedTuple):
    """What has changed since the report at the path `against`, of the version `magicpak`.

    `packages` is None where they were not looked up in both. Libraries are by DT_SONAME.
    """

    against: str
    magicpak: str
    size_before: int
    size_after: int
    files_before: int
    files_after: int
    packages: tuple[ReportPackageChange, ...] | None
    libraries_added: tuple[str, ...]
    libraries_removed: tuple[str, ...]
    files: tuple[ReportFileChange, ...]


class ReportBase(NamedTuple):
    """What the bundle was laid onto: its name, and the paths of the files that stand for some of the bundle."""

    name: str
    files: tuple[str, ...]


class Document(NamedTuple):
    """A whole report.

    `complete` says that nothing is missing; otherwise the run fails, and nothing is written. `packages` is None where
    they were not looked up, `changes` where there is no other report to compare with. `root` is the real path of
    `--root`, `/` without.
    """

    schema_version: int
    magicpak: str
    output: str | None
    dry_run: bool
    complete: bool
    totals: ReportTotals
    entries: tuple[ReportEntry, ...]
    processes: tuple[ReportProcess, ...]
    scripts: tuple[ReportScript, ...]
    missing: tuple[ReportMissing, ...]
    problems: tuple[ReportProblem, ...]
    excluded: tuple[ReportExcluded, ...]
    packages: tuple[ReportPackage, ...] | None
    suggestions: tuple[ReportSuggestion, ...] = ()
    root: str = "/"
    changes: ReportChanges | None = None
    onto: ReportBase | None = None
