"""Random trees of programs and libraries, for which the real loader and ours must agree."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from magicpak.elf.facts import DF_1_NODEFLIB, DF_1_PIE, FileType
from magicpak.ldso.search import hwcaps_level
from support.elf_files import AARCH64, DT_AUXILIARY, DT_FILTER, DT_NEEDED, I386, S390X, make_elf
from support.loader_oracle import GLIBC, MUSL, Facts, LibraryTree, Listing, listed, listed_by_musl, resolved

_DIRECTORIES = ("a", "b", "c", "lib/x")
_NAMES = ("liba.so", "libb.so", "libc1.so", "libd.so", "libe.so")
_FILTEES = ("libd.so", "libe.so")


class _Maker:
    """Makes one tree; what it makes depends on the random numbers only."""

    def __init__(
        self, root: Path, random: Random, interpreter: str, *, filters: bool = False, levels: Sequence[str] = ()
    ) -> None:
        self.filters = filters
        self.levels = levels
        self.tree = LibraryTree(root, interpreter)
        self.random = random
        self.foreign = (I386,) if interpreter == MUSL else (I386, AARCH64, S390X)  # musl looks at no machine
        self.files: list[Path] = []

    def path(self) -> str:
        """Return an RPATH with all that can be in one."""
        root, random = self.tree.root, self.random
        elements = []
        for _ in range(random.choice([0, 1, 1, 1, 2, 3])):
            name = random.choice([*_DIRECTORIES, "nowhere"])
            forms = [f"$ORIGIN/../{name}", f"$ORIGIN/{name}", f"${{ORIGIN}}/../{name}", f"{root}/{name}"]
            forms += [f"{root}/{name}/", f"{root}/{name}//.", "", name, "$ORIGIN", f"$ORIGINX/{name}"]
            elements.append(random.choice([*forms, f"$FOO/{name}", f"${{ORIGIN/{name}", f"{root}/$LIB"]))
        return ":".join(elements)

    def needed(self) -> str:
        random = self.random
        if random.random() < 0.8:
            return random.choice([*_NAMES, "libother.so", ""] if self.filters else _NAMES)
        name, directory = random.choice(_NAMES), random.choice(_DIRECTORIES)
        return random.choice(["libnowhere.so", f"{self.tree.root}/{directory}/{name}", f"{directory}/{name}"])

    def dependency(self, *, is_filter: bool) -> tuple[int, str]:
        """Return an entry of the dynamic section; the loader hangs where one filter leads to another and back."""
        random = self.random
        if not is_filter or random.random() < 0.5:
            return DT_NEEDED, self.needed()
        name = random.choice([*_FILTEES, "libother.so", f"$ORIGIN/{random.choice(_FILTEES)}"])
        return random.choice([DT_FILTER, DT_AUXILIARY]), name

    def facts(self, count: int, *, is_filter: bool) -> Facts:
        random = self.random
        facts = Facts(first=[self.dependency(is_filter=is_filter) for _ in range(count)])
        if random.random() < 0.3:
            facts["rpath"] = self.path()
        if random.random() < 0.2:
            facts["runpath"] = self.path()
        if random.random() < 0.05:
            facts["flags_1"] = DF_1_NODEFLIB
        return facts

    def library(self, where: str) -> None:
        is_filtee = os.path.basename(where) in _FILTEES
        facts = self.facts(self.random.choice([0, 1, 2, 3]), is_filter=self.filters and not is_filtee)
        if self.random.random() < 0.3:
            facts["soname"] = self.random.choice(
                _NAMES[:3] if self.filters and not is_filtee else [*_NAMES, "libother.so"]
            )
        self.files.append(Path(self.tree.library(where, **facts)))

    def oddity(self, where: str) -> None:
        """Make something by the name of a library that is another thing."""
        path = self.tree.root / where
        other = self.random.choice(self.files) if self.files else Path("nowhere")
        kind = self.random.choice(self.foreign)
        bad = (make_elf(kind=kind), make_elf(type=FileType.REL), make_elf(dynamic=False), make_elf(flags_1=DF_1_PIE))
        choice = self.random.randrange(10)
        if choice < 2:
            path.symlink_to(other)
        elif choice < 4 and self.files:
            path.hardlink_to(other)
        elif choice == 4:
            path.symlink_to(path.name)
        elif choice == 5:
            path.mkdir()
        elif choice < 8:
            self.tree.add(where, bad[0])
        else:
            texts = (b"", b"text\n" * 40, b"\x7fELF", make_elf()[:90], make_elf(kind=I386)[:90])
            self.tree.add(where, self.random.choice([*bad[1:3], *texts, *([] if len(self.foreign) == 1 else bad[3:])]))

    def make(self) -> tuple[str, str | None]:
        """Make the tree; return the program and a value for LD_LIBRARY_PATH."""
        for directory in _DIRECTORIES:
            (self.tree.root / directory).mkdir(parents=True)
            for name in _NAMES:
                chance = self.random.random()
                if chance > 0.6:
                    self.library(f"{directory}/{name}")
                elif chance > 0.45 and not self.levels:
                    self.oddity(f"{directory}/{name}")
                for level in self.levels:
                    if self.random.random() > 0.8:
                        self.library(f"{directory}/glibc-hwcaps/{level}/{name}")
        facts = self.facts(3, is_filter=False)
        if self.random.random() < 0.7:
            facts["rpath"] = f"{self.path()}:$ORIGIN/a:$ORIGIN/b:$ORIGIN/c"
        program = self.tree.program("app", **facts)
        return program, self.random.choice([None, None, "", f"{self.path()};{self.path()}", self.path()])


def made(directory: Path, random: Random, count: int, interpreter: str = GLIBC) -> Iterator[tuple[str, str | None]]:
    """Yield the programs of `count` trees made in `directory`, each with a value for LD_LIBRARY_PATH."""
    for index in range(count):
        yield _Maker(directory / str(index), random, interpreter).make()


def differences(
    directory: Path, random: Random, count: int, interpreter: str = GLIBC, *, filters: bool = False
) -> Iterator[str]:
    """Yield what the real loader and ours see otherwise, in `count` trees made in `directory`.

    With `filters` some libraries are, and then the order in which the loader lists what it has loaded does not count.
    """
    here = os.getcwd()
    for index in range(count):
        maker = _Maker(directory / str(index), random, interpreter, filters=filters)
        program, library_path = maker.make()
        os.chdir(maker.tree.root / random.choice([".", "a"]))
        try:
            asked = listed_by_musl if interpreter == MUSL else listed
            theirs, mine = _normal(asked(program, library_path=library_path)), _ours(program, library_path, interpreter)
        finally:
            os.chdir(here)
        if filters:
            theirs, mine = _sorted(theirs), _sorted(mine)
        if theirs != mine:
            yield f"{program} with LD_LIBRARY_PATH {library_path!r}: {theirs}, ours {mine}"


def _ours(program: str, library_path: str | None, interpreter: str) -> Listing:
    closure = resolved(program, library_path=library_path).closure
    if interpreter != MUSL and any(need.load_error for need in closure.missing):
        return Listing(stops=True)
    found = tuple((each.path if "$" in each.name else each.name, each.path) for each in closure.objects[1:])
    needs = [need for each in closure.objects for need in each.needs if not need.satisfied_by]
    missing = [need for need in needs if interpreter == MUSL or not need.load_error]
    return _normal(Listing(found, tuple(need.name.replace("$ORIGIN", need.by.origin) for need in missing)))


def _normal(listing: Listing) -> Listing:
    """Return `listing` with paths as they are without `..`, and each missing name once."""
    found = tuple((name, os.path.normpath(path)) for name, path in listing.found)
    return Listing(found, tuple(dict.fromkeys(listing.missing)), listing.stops)


def _sorted(listing: Listing) -> Listing:
    return Listing(tuple(sorted(listing.found)), tuple(sorted(listing.missing)), listing.stops)


def left_behind(directory: Path, random: Random, count: int, levels: Sequence[str]) -> Iterator[str]:
    """Yield what the real loader loads on processors of `levels` that ours does not have, in `count` trees.

    What programs load that do not start there does not count.
    """
    for index in range(count):
        maker = _Maker(directory / str(index), random, GLIBC, levels=levels)
        program, _ = maker.make()
        closure = resolved(program).closure
        mine = {os.path.realpath(each.path) for each in closure.everything}
        complete = all(need.satisfied_by for each in closure.everything for need in each.needs)
        has_baseline = not any(hwcaps_level(each.path) for each in closure.objects)
        for number in range(len(levels) + 1):
            theirs = listed(program, mask=":".join(levels[:number]) or "none")
            more = {os.path.realpath(path) for _, path in theirs.found} - mine
            if (complete and has_baseline) if theirs.missing else more:
                yield f"{program} at {levels[:number]}: {sorted(more)}, missing {theirs.missing}"
