"""Counts what is suggested for the programs of this machine, and what of it runs of them use.

Run by hand, from the root of the repository: `PYTHONPATH=src:tests python3 -m survey.suggestions [DIRECTORY...]`, by
default for /usr/bin and /usr/sbin. It prints the programs of each kind of suggestion, and the mean for a program.
"""

import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence

from magicpak.bundle.entry import Layout
from magicpak.elf.cache import ElfCache
from magicpak.errors import MagicpakError
from magicpak.ldso.factory import Loaders
from magicpak.ldso.resolver import Resolver
from magicpak.needs.signs import SignedProgram, read_signs
from magicpak.needs.suggest import Lacks, suggestions
from magicpak.process.tempdirs import private_directory
from magicpak.resolve.inputs import find_inputs
from magicpak.resolve.libraries import resolve_program


def programs(directories: Sequence[str]) -> Iterator[SignedProgram]:
    """Yield each ELF program of `directories` once, with what its loader loads."""
    elf = ElfCache()
    seen = set()
    with private_directory() as private:
        loaders = Loaders(Resolver.STATIC, None, "", elf, lambda: private, hwcaps=False)
        for directory in directories:
            for name in sorted(os.listdir(directory)):
                try:
                    inputs = find_inputs([f"{directory}/{name}"], None, Layout.HOST, elf).programs
                    if inputs and inputs[0].real not in seen:
                        seen.add(inputs[0].real)
                        yield SignedProgram(name, resolve_program(inputs[0], loaders).closure)
                except MagicpakError:
                    continue


def main() -> None:
    """Print what is suggested."""
    table, kinds, count = read_signs(), defaultdict(list), 0
    for program in programs(sys.argv[1:] or ["/usr/bin", "/usr/sbin"]):
        count += 1
        for each in suggestions([program], table, {"PATH": os.environ["PATH"]}, Lacks(lambda _: True, lambda _: True)):
            if each.flag == "with":
                kinds[each.value.partition("=")[0]].append(program.name)
            else:
                kinds[each.reason.split()[1]].append(f"{program.name}:{each.value}")
    total = sum(map(len, kinds.values()))
    print(f"{count} programs, {total} suggestions, {total / count:.2f} for each")
    for kind, names in sorted(kinds.items(), key=lambda each: -len(each[1])):
        print(f"{len(names):5} {kind}: {' '.join(names)}")


if __name__ == "__main__":
    main()
