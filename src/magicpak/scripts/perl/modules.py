"""Finds the modules that a script uses in @INC, and what they use in their turn."""

from collections.abc import Iterable

from magicpak.scripts.findings import Findings
from magicpak.scripts.load_path import LoadPath
from magicpak.scripts.perl.facts import MAX_PARTS, PerlFacts, TooManyParts, known_names
from magicpak.scripts.perl.inc import ModulePath
from magicpak.scripts.sources import Sources
from magicpak.scripts.tree import files_below

MAX_FILES = 20_000
"""Files of one namespace that are looked at: the largest of CPAN have some thousands."""

_PAGERS = ("sensible-pager", "pager")
"""Which Debian's perldoc tries."""

_USED = "used by"


class PerlModules(LoadPath[PerlFacts]):
    """The modules that one script uses.

    A module of the standard library is read for what it uses, which can be installed beside that. Any other is included
    with its namespace and its compiled part, since a module often loads those below it by names that it computes.
    """

    def __init__(
        self, script: str, path: ModulePath, findings: Findings, sources: Sources, read: dict[str, PerlFacts]
    ) -> None:
        super().__init__(script, path.directories, findings, sources, read)
        self._path = path
        self._namespaces: set[str] = set()

    def use(self, name: str, of: str) -> None:
        """Add the module `name`, which `of` uses."""
        self.require(f"{name.replace('::', '/')}.pm", of)

    def _existing(self, directories: Iterable[str]) -> Iterable[str]:
        return self._path.below((_followed(each, self._sources) for each in directories), self._sources)

    def _facts_of(self, file: str) -> PerlFacts:
        return read_facts(file, self._script, self._sources)

    def _load(self, file: str, facts: PerlFacts) -> None:
        """Add what `file` loads."""
        for name in facts.modules:
            self.use(name, file)
        for required in facts.files:
            self.require(required, file)
        for name in facts.namespaces:
            self._add_namespace(name.replace("::", "/"), file)
        for share in facts.shares:
            self._add_below(f"auto/share/{share}", file)

    def _executed_by_loaded(self, facts: PerlFacts) -> Iterable[str]:
        """Return what prints a whole manual for Pod::Usage."""
        return (f"{self._path.home}/perldoc", *_PAGERS) if "Pod::Usage" in facts.modules else ()

    def require(self, name: str, of: str) -> None:
        """Add the file `name`, absolute or of @INC, from each directory that has it: the first of them is used."""
        directories = [""] if name.startswith("/") else [f"{each}/" for each in self._directories]
        files = {
            each: path for each in directories if self._sources.is_file(path := _followed(each + name, self._sources))
        }
        if of != self._script and not self._sources.is_own(of) and not self._sources.is_optional(of):
            files = {each: path for each, path in files.items() if self._is_counted(each, path)}
        if not files:
            self._missing.setdefault(name, of)
        for directory, path in files.items():
            is_own = directory[:-1] not in self._path.standard
            self._read_later(path, is_executed=is_own)
            if is_own:
                self._findings.add_file(path, _USED, of)
        if any(directory[:-1] not in self._path.standard for directory in files) and name.endswith(".pm"):
            self._add_namespace(name[:-3], of)

    def _is_counted(self, directory: str, path: str) -> bool:
        """Return whether the module at `path`, which another module names, is of the library, or needed by packages."""
        return directory[:-1] in self._path.standard or not self._sources.is_optional(path)

    def _add_namespace(self, name: str, of: str) -> None:
        """Add the modules below the module at `name`, which are read too, its compiled part, and its shared files."""
        if name in self._namespaces:
            return
        self._namespaces.add(name)
        for kind in ("dist", "module"):
            self._add_below(f"auto/share/{kind}/{name.replace('/', '-')}", of)
        for directory in (*self._add_below(f"auto/{name}", of), *self._add_below(name, of)):
            self._read_below(directory)

    def _read_below(self, directory: str) -> None:
        for file in files_below(directory, self._sources, MAX_FILES):
            if file.endswith((".pm", ".pl", ".so")):
                self._read_later(file, is_executed=False)

    def _add_below(self, name: str, of: str) -> list[str]:
        """Add the directories `name` of @INC outside the standard library, and return them."""
        places = (f"{each}/{name}" for each in self._directories if each not in self._path.standard)
        found = [place for place in places if self._sources.is_directory(place)]
        for place in found:
            self._findings.add_file(place, _USED, of)
        return found


def _followed(path: str, sources: Sources) -> str:
    """Return `path` without `..`, which the kernel follows from where a link leads."""
    above, parent, rest = path.rpartition("/..")
    return sources.real(above + parent) + rest if parent and rest.startswith("/") else path


def read_facts(file: str, script: str, sources: Sources, given: str | None = None) -> PerlFacts:
    """Return what `file`, or the code `given` in it, says that it needs.

    That is nothing where it cannot be read, which is a warning.
    """
    if file.endswith(".so"):
        return PerlFacts.of_library(sources.binary(file))
    data = (sources.read(file) or b"") if given is None else given.encode(errors="surrogateescape")
    end = -1 if b"SelfLoader" in data else data.find(b"\n__END__")
    code = data if end < 0 else data[:end]
    if b"\0" in code:
        sources.leave_unread(file, "it is not text")
        code = b""
    known = known_names(script, file, sources)
    try:
        return PerlFacts(code.decode("latin-1"), known, sources.real)
    except TooManyParts:
        sources.leave_unread(file, f"it has more than {MAX_PARTS} statements and strings")
        return PerlFacts("", known, sources.real)
