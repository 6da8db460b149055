"""Finds the features and gems that a script requires, and what they require in their turn."""

import os
from collections.abc import Iterable

from magicpak.scripts.findings import Findings
from magicpak.scripts.load_path import LoadPath
from magicpak.scripts.ruby.facts import MAX_PARTS, RubyFacts, TooManyCalls
from magicpak.scripts.ruby.gems import Gem, Gems
from magicpak.scripts.ruby.home import RubyHome
from magicpak.scripts.sources import Sources
from magicpak.scripts.tree import files_below

MAX_FILES = 20_000
"""Files of one gem that are looked at: the largest have some thousands."""

_NOT_RUN = ("/spec/", "/test/", "/tests/", "/features/", "/doc/", "/docs/", "/benchmarks/")
_OF_TERMINALS = ("curses", "readline", "reline")
_USED = "required by"


class Features(LoadPath[RubyFacts]):
    """The features that one script requires, and its gems.

    A feature of the standard library is read for what it requires, which can be installed beside that. Any other is
    included with its namespace; one of a gem, with the whole of that, its specification and the gems that it needs.
    RubyGems is not read: what it requires comes with it, but for Bundler, which a script has to ask for.
    """

    def __init__(
        self,
        script: str,
        home: RubyHome,
        gems: Gems,
        findings: Findings,
        sources: Sources,
        read: dict[str, RubyFacts],
    ) -> None:
        super().__init__(script, home.load_path, findings, sources, read)
        self._home, self._gems = home, gems
        self._rubygems = tuple(f"{each}/rubygems" for each in home.load_path)
        self._reached: set[str] = set()

    def _existing(self, directories: Iterable[str]) -> Iterable[str]:
        return filter(self._sources.is_directory, map(os.path.normpath, directories))

    def _facts_of(self, file: str) -> RubyFacts:
        return read_facts(file, self._home, self._sources)

    def require(self, name: str, of: str) -> None:
        """Add the files for the feature `name`, an absolute path or one of $LOAD_PATH, and the gems that have it."""
        if name in _OF_TERMINALS:
            self._findings.add_name("terminfo", of)
        names = [name] if name.endswith((".rb", ".so")) else [f"{name}.rb", f"{name}.so", name]
        found = False
        for file in names:
            if file.startswith("/"):
                path = os.path.normpath(file)
                if self._sources.is_file(path):
                    found = True
                    self._add_file(path, "", of)
                continue
            for directory in self._directories:
                if self._sources.is_file(f"{directory}/{file}"):
                    found = True
                    self._add_file(f"{directory}/{file}", directory, of)
            for gem, path in self._gems.with_feature(file):
                found = True
                self.add_gem(gem, of)
                self._read_later(path, is_executed=True)
        if not found:
            self._missing.setdefault(name, of)

    def add_gems(self, name: str, of: str) -> None:
        """Add the installed versions of the gem `name`, and what is in $LOAD_PATH by its name."""
        for gem in self._gems.named(name):
            self.add_gem(gem, of)
        if name not in self._reached and self._gems.named(name):
            self._reached.add(name)
            for feature in dict.fromkeys((name, name.replace("-", "/"), name.replace("-", "_"))):
                self.require(feature, of)

    def add_gem(self, gem: Gem, of: str) -> None:
        """Add the whole of `gem`, and the gems that it needs."""
        if gem.specification in self._reached:
            return
        self._reached.add(gem.specification)
        directories = filter(self._sources.is_directory, (gem.directory, *gem.extensions))
        for path in (gem.specification, *directories):
            self._findings.add_file(path, _USED, of)
        self._read_below(gem.directory)
        for name in self._gems.dependencies(gem):
            self.add_gems(name, gem.specification)

    def _load(self, file: str, facts: RubyFacts) -> None:
        """Add what `file` loads."""
        for feature in facts.features:
            self.require(feature, file)
        for name in facts.gems:
            self.add_gems(name, file)

    def _add_file(self, path: str, directory: str, of: str) -> None:
        """Add the file at `path`, found below `directory` of $LOAD_PATH, and what is in the directory of its name."""
        is_own = directory not in self._home.standard and not self._is_whole(path)
        self._read_later(path, is_executed=is_own or directory == "")
        if not is_own:
            return
        self._findings.add_file(path, _USED, of)
        namespace = path.removesuffix(".rb")
        if namespace != path and namespace not in self._reached and self._sources.is_directory(namespace):
            self._reached.add(namespace)
            self._findings.add_file(namespace, _USED, of)
            self._read_below(namespace)
        if directory:
            self._add_specification(os.path.relpath(path, directory).split("/")[0].removesuffix(".rb"), of)

    def _add_specification(self, name: str, of: str) -> None:
        """Add the gem of a feature in $LOAD_PATH, whose name is that of the feature: it may be asked for by name."""
        for gem in (*self._gems.named(name), *self._gems.named(name.replace("_", "-"))):
            self.add_gem(gem, of)

    def _is_whole(self, path: str) -> bool:
        """Return whether `path` is in the standard library, with RubyGems, or in a gem that is included whole."""
        gems = (f"{each}/gems/" for each in self._home.gem_paths)
        return path.startswith((*self._rubygems, *(f"{each}/" for each in self._home.standard), *gems))

    def _read_below(self, directory: str) -> None:
        for file in files_below(directory, self._sources, MAX_FILES):
            inner = file[len(directory) :]
            is_program = inner.startswith(("/exe/", "/bin/"))
            if (file.endswith(".rb") or is_program) and not inner.startswith(_NOT_RUN):
                self._read_later(file, is_executed=False)

    def _read_later(self, file: str, *, is_executed: bool) -> None:
        if not file.endswith(".so") and not file.startswith(self._rubygems):
            super()._read_later(file, is_executed=is_executed)


def read_facts(file: str, home: RubyHome, sources: Sources, given: str | None = None) -> RubyFacts:
    """Return what `file`, or the code `given` in it, says that it needs.

    That is nothing where it cannot be read, which is a warning.
    """
    data = (sources.read(file) or b"") if given is None else given.encode(errors="surrogateescape")
    end = data.find(b"\n__END__")
    code = data if end < 0 else data[:end]
    known = {f"RbConfig {name}": value for name, value in home.config.items()}
    known |= {"__FILE__": file, "__dir__": os.path.dirname(sources.real(file)), "$0": file, "$PROGRAM_NAME": file}
    if b"\0" in code:
        sources.leave_unread(file, "it is not text")
        code = b""
    try:
        return RubyFacts(code.decode("latin-1"), known, sources.real)
    except TooManyCalls:
        sources.leave_unread(file, f"it has more than {MAX_PARTS} statements and strings")
        return RubyFacts("", known, sources.real)
