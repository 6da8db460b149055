"""The search of musl's dynamic linker, emulated rule by rule (behaviour of ldso/dynlink.c)."""

import errno
import os
import re
from collections.abc import Sequence

from magicpak.elf.cache import ElfCache
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import Dependency, DependencyKind, ElfFacts, FileType
from magicpak.files.view import FileView, read_file
from magicpak.ldso.loader import Found, Loaded, LoadedNames, LoadError, Rule
from magicpak.ldso.search import DirectoryPaths, SearchDirectory, SearchList

DEFAULT_PATH = "/lib:/usr/local/lib:/usr/lib"
_SKIPPED_ERRORS = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ENAMETOOLONG)
_ABSENT_ERRORS = (errno.ENOENT, errno.ENOTDIR)
_ANY_NAME = "lib.so"
_MAX_NAME = 255
_MAX_PATH_FILE = 1 << 20
_PATH_BUFFER = 2 * _MAX_NAME + 2
_BUILT_IN = ("c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet.")
_ORIGIN = r"\$ORIGIN|\$\{ORIGIN\}"


class MuslNames:
    """The names of loaded objects: for musl the file names that a search found, and the libc's own for the loader.

    The `interpreter` is the loader, which is the C library too.
    """

    def __init__(self, interpreter: Loaded) -> None:
        self._interpreter = interpreter
        self._objects: dict[str, Loaded] = {}

    def get(self, name: str) -> Loaded | None:
        """Return the loaded object of this `name`, if there is one."""
        if is_built_in(name) or name == self._interpreter.path:
            return self._interpreter
        return self._objects.get(name)

    def add(self, loaded: Loaded, name: str) -> None:
        """Record the file name of `loaded` if a search found it; an object of a path is known by its inode only.

        An object that a search finds again by another name of the file keeps its first.
        """
        if name and "/" not in name:
            self._objects.setdefault(os.path.basename(loaded.path), loaded)


def is_built_in(name: str) -> bool:
    """Return whether `name` is a library that is built into musl: libc.so, libpthread.so.0 and the like."""
    return name.startswith("lib") and name[3:].startswith(_BUILT_IN)


def loader_path(arch: str) -> str:
    """Return the path of musl's loader in its ABI."""
    return f"/lib/ld-musl-{arch}.so.1"


def path_file(interpreter: str, arch: str) -> str:
    """Return the path of the file that has the search path: etc/ld-musl-ARCH.path beside the loader's directory."""
    prefix = interpreter.rsplit("/", 2)[0] if interpreter.count("/") > 1 else ""
    return f"{prefix}/etc/ld-musl-{arch}.path"


def system_path(path: str, files: FileView) -> str:
    """Return the text of the path file at `path`, which a null character ends (ldso/dynlink.c).

    It is DEFAULT_PATH if there is none, and empty if it is unreadable.
    """
    try:
        return os.fsdecode(read_file(files, path, _MAX_PATH_FILE).partition(b"\0")[0])
    except FileNotFoundError:
        return DEFAULT_PATH
    except OSError:
        return ""


class MuslLoader:
    """Finds libraries for the objects of one process as its musl does.

    `interpreter` is the loader itself, `system_path` the text of its path file, `library_path` LD_LIBRARY_PATH.
    """

    def __init__(self, interpreter: Loaded, elf: ElfCache, system_path: str, library_path: str) -> None:
        self._interpreter = interpreter
        self._elf = elf
        self._system = self._list(system_path)
        self._library_path = self._list(library_path)
        self._own: dict[Loaded, SearchList] = {}
        self._paths = DirectoryPaths()

    def names(self) -> LoadedNames:
        """Return a record of names, which has those of the loader."""
        return MuslNames(self._interpreter)

    def dependencies(self, facts: ElfFacts) -> Sequence[Dependency]:
        """Return the DT_NEEDED of an object; musl has no filters."""
        return [each for each in facts.dependencies if each.kind is DependencyKind.NEEDED]

    def find(self, name: str, requester: Loaded) -> Found | None:
        """Return where musl finds `name` for `requester`, if anywhere. Raises LoadError."""
        try:
            if "/" in name:
                path = os.path.join(self._elf.files.current_directory(), name)
                return Found(path, Rule.PATH, relative=path != name) if self._opens(path) else None
            return self._search(name, requester) if 0 < len(os.fsencode(name)) <= _MAX_NAME else None
        except OSError:
            return None  # any error but those that are skipped ends the search

    def _search(self, name: str, requester: Loaded) -> Found | None:
        for rule, directories in self._lists(requester):
            for directory in directories.present():
                path = f"{self._base(directory)}/{name}"
                if len(os.fsencode(f"{directory.path}/{name}")) < _PATH_BUFFER and self._opens(path):
                    return Found(path, rule, (), directory.origin_owner, directory.relative)
        return None

    def _base(self, directory: SearchDirectory) -> str:
        path = directory.path
        return f"{self._elf.files.current_directory()}/{path}" if directory.relative else path.rstrip("/")

    def searched(self, requester: Loaded) -> list[str]:
        """Return the directories that are searched for `requester`, in order."""
        return self._paths.of(*(directories for _, directories in self._lists(requester)))

    def paths(self, name: str, requester: Loaded) -> list[str]:  # noqa: ARG002 - musl expands no token in it
        """Return where the path `name`, which `requester` needs, is looked for."""
        return [os.path.join(self._elf.files.current_directory(), name)]

    def before_cache(self, requester: Loaded) -> list[str]:
        """Return the directories that are searched for `requester` before the system's, in order."""
        return self._paths.of(*(directories for _, directories in self._lists(requester)[:-1]))

    def _lists(self, requester: Loaded) -> list[tuple[Rule, SearchList]]:
        lists: list[tuple[Rule, SearchList]] = []
        if self._library_path and not requester.secure:
            lists.append((Rule.LIBRARY_PATH, self._library_path))
        loaded: Loaded | None = requester
        while loaded is not None:
            text = loaded.facts.rpath if loaded.facts.runpath is None else loaded.facts.runpath
            if text:
                rule = Rule.RPATH if loaded.facts.runpath is None else Rule.RUNPATH
                if loaded not in self._own:
                    self._own[loaded] = self._list(_expand(text, loaded), loaded if "$" in text else None)
                lists.append((rule, self._own[loaded]))
            loaded = loaded.needed_by
        lists.append((Rule.DEFAULT, self._system))
        return lists

    def _list(self, text: str, origin_owner: Loaded | None = None) -> SearchList:
        elements = dict.fromkeys(element for element in re.split("[:\n]", text) if element)
        return SearchList(
            [SearchDirectory(each, (), origin_owner, not each.startswith("/")) for each in elements], self._is_absent
        )

    def _is_absent(self, directory: SearchDirectory) -> bool:
        """Return whether musl, which looks for each name, skips `directory` for every name."""
        try:
            base = self._base(directory)
        except OSError:  # no current directory: that ends the search
            return False
        if self._elf.files.is_directory(base or "/"):
            return False
        try:
            os.close(self._elf.files.open(f"{base}/{_ANY_NAME}"))
        except OSError as error:
            return error.errno in _ABSENT_ERRORS
        return False

    def _opens(self, path: str) -> bool:
        """Return whether musl can open `path`: it takes the first file that it can open. Raises LoadError, OSError."""
        try:
            facts = self._elf.get(path).facts
        except ElfError as error:
            raise LoadError(path, str(error)) from None
        except OSError as error:
            if error.errno in _SKIPPED_ERRORS:
                return False
            raise
        if facts.kind != self._interpreter.facts.kind:
            raise LoadError(path, "is for another machine")
        if facts.type not in (FileType.DYN, FileType.EXEC) or not facts.is_dynamic:
            raise LoadError(path, "is an ELF file but not a shared library")
        return True


def _expand(text: str, owner: Loaded) -> str:
    """Return `text` with `$ORIGIN` replaced; it is empty if there is a token that musl does not know."""
    if "$" not in text:
        return text
    if text.count("$") != len(re.findall(_ORIGIN, text)):
        return ""
    if owner.secure and owner.needed_by is None:
        return ""
    origin = owner.origin.rstrip("/")  # for musl the root is an empty text, and so not a directory if it stands alone
    return re.sub(_ORIGIN, lambda _: origin, text)
