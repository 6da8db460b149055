"""`--check`: whether the programs in a directory start with it as their root, and find their symbols."""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from magicpak.bundle.path import BundlePath
from magicpak.elf.cache import ElfCache
from magicpak.elf.errors import ElfError
from magicpak.elf.symbols import Symbols, read_symbols
from magicpak.errors import InputNotBundleable, InvalidUsage, reason
from magicpak.files.directory import DirectoryView
from magicpak.files.view import FileView, real_path
from magicpak.ldso.factory import emulated_loaders
from magicpak.resolve.libraries import Resolved
from magicpak.resolve.missing import describe_chain
from magicpak.text import list_names, printable
from magicpak.verify.links import dangling_warnings, is_filled_at_run_time
from magicpak.verify.problems import Problem
from magicpak.verify.programs import ProgramChecker

if TYPE_CHECKING:
    from magicpak.base.base import Base
    from magicpak.verify.union_view import UnionView

MAX_NAMED = 3


class DirectoryCheck(NamedTuple):
    """How many programs were checked, what keeps some from starting, and lines on what else is worth a look."""

    programs: int
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]


def check_directory(
    directory: str,
    programs: Sequence[str],
    upx: str = "upx",
    upx_timeout: float = 600,
    *,
    symbols: bool = False,
    base: "Base | None" = None,
) -> DirectoryCheck:
    """Return the result for `programs` in `directory`, by their paths there; for all in it where none is named.

    `upx` unpacks what is packed, in `upx_timeout` seconds. With `symbols` the symbols that each needs must be defined,
    too. With a `base`, the directory is copied onto that. Raises InvalidUsage where there is no directory,
    InputNotBundleable for what is not a program in it, BaseDiffers, and OSError.
    """
    if not os.path.isdir(directory):
        why = "is not a directory" if os.path.lexists(directory) else "does not exist"
        raise InvalidUsage(f"--check {printable(directory)} {why}")
    view = DirectoryView(directory) if base is None else _view_onto(directory, base)
    loaders = emulated_loaders(ElfCache(view, upx, upx_timeout))
    checker = ProgramChecker(view, loaders, *([SymbolCheck(view).problems] if symbols else []))
    if programs:
        found = [problem for path in programs for problem in _check_named(path, directory, checker)]
        count = sum(view.reached(BundlePath(path)) not in checker.packed for path in programs)
        warnings = (*_unknown_loaders(checker), *checker.unaudited, *_packed(checker))
        return DirectoryCheck(count, tuple(found), warnings)
    count, found = checker.check_all()
    unreadable = [*view.unreadable, *checker.unreadable]
    not_checked = [f"skipped {list_names(unreadable)}: not readable"] if unreadable else []
    warnings = (
        *_unknown_loaders(checker),
        *checker.unaudited,
        *_packed(checker),
        *not_checked,
        *_dangling_links(view),
    )
    return DirectoryCheck(count, tuple(found), warnings)


def _view_onto(directory: str, base: "Base") -> "UnionView":
    from magicpak.verify.union_view import UnionView

    return UnionView(directory, base)


def _check_named(path: str, directory: str, checker: ProgramChecker) -> Sequence[Problem]:
    try:
        return checker.check(BundlePath(path)).problems
    except OSError as error:
        why = f"cannot be read in {printable(directory)}: {reason(error)}"
        raise InputNotBundleable(path, why, _hint(path, directory)) from None
    except ElfError as error:
        raise InputNotBundleable(path, str(error)) from None


def _hint(path: str, directory: str) -> str | None:
    """Return what to do about a path that is one outside of the directory."""
    real, root = real_path(path), real_path(directory)
    if os.path.exists(real) and real.startswith(f"{root.rstrip('/')}/"):
        return f"EXE is a path in the directory: {printable(real[len(root.rstrip('/')) :])}"
    return None


def _unknown_loaders(checker: ProgramChecker) -> Iterator[str]:
    for path in checker.unknown_loaders:
        loader = printable(path)
        yield f"the loader {loader} is not known: whether it finds what its programs need is not checked"


def _packed(checker: ProgramChecker) -> Iterator[str]:
    for path, why in checker.packed.items():
        yield f"skipped {printable(path)}: it is packed by upx, and what it needs is not known ({why})"


def _dangling_links(view: "DirectoryView | UnionView") -> list[str]:
    """Return a line on the links that lead to nothing, but for those into what is filled at run time."""
    dangling = []
    for link in view.links():
        try:
            view.reached(link.path)
        except OSError as error:
            if not is_filled_at_run_time(BundlePath(error.filename)):
                dangling.append(link)
    return dangling_warnings(dangling)


class SymbolCheck:
    """Checks the symbols of processes, whose files are in `view`; each file is read once."""

    def __init__(self, view: FileView) -> None:
        self._view = view
        self._known: dict[str, Symbols] = {}

    def problems(self, resolved: Resolved) -> Iterator[Problem]:
        """Yield a problem for each object of a process that needs symbols which no object defines.

        Where libraries are missing, there are none of symbols, which would be those of the libraries.
        """
        closure = resolved.closure
        if resolved.interpreter_error or closure.missing or closure.interpreter is None:
            return
        defined: set[bytes] = set()
        for loaded in (*closure.objects, closure.interpreter):
            defined |= self._symbols(loaded.path).defined
        for loaded in closure.objects:
            names = [os.fsdecode(name) for name in sorted(self._symbols(loaded.path).needed - defined)]
            if names:
                noun = "symbol" if len(names) == 1 else "symbols"
                undefined = f"undefined {noun}: {list_names(names, MAX_NAMED)}"
                message = f"{undefined}, needed by {describe_chain(resolved, loaded)}"
                yield Problem(resolved.name, names[0], loaded.path, message)

    def _symbols(self, path: str) -> Symbols:
        if path not in self._known:
            descriptor = self._view.open(path)
            try:
                self._known[path] = read_symbols(descriptor)
            except ElfError:  # the table is damaged: what the loader makes of it is not known
                self._known[path] = Symbols(frozenset(), frozenset())
            finally:
                os.close(descriptor)
        return self._known[path]
