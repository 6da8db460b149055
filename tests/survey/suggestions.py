"""Counts what is suggested for the programs of this machine, and what of it runs of them use.

Run by hand, from the root of the repository:

- `PYTHONPATH=src:tests python3 -m survey.suggestions [DIRECTORY...]` prints the programs that each kind of suggestion
  is made for, of all in DIRECTORY (/usr/bin and /usr/sbin), and the mean for a program.
- `PYTHONPATH=src:tests python3 -m survey.suggestions --runs 2>/dev/null` runs the commands of `RUNS` whose programs are
  installed, under the tracer, and prints which of the suggestions each has used: it has looked for a file that the name
  stands for (`USED`), whether it was there or not, or for the path.

A run shows that a suggestion is right; that it was not used does not show that it is wrong.
"""

import os
import re
import shlex
import socket
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence

from magicpak.bundle.entry import Layout
from magicpak.elf.cache import ElfCache
from magicpak.errors import MagicpakError
from magicpak.ldso.factory import Loaders
from magicpak.ldso.resolver import Resolver
from magicpak.needs.signs import SignedProgram, read_signs
from magicpak.needs.suggest import Suggestion, suggestions
from magicpak.process.exec import Command, find_program
from magicpak.process.tempdirs import private_directory
from magicpak.resolve.inputs import find_inputs
from magicpak.resolve.libraries import resolve_program
from magicpak.tracing.run import run_traced
from support.bundle_with import BundleWith
from survey.runs import RUNS, USED

ENV = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TERM": "xterm"}


class SuggestionSurvey:
    """The programs of this machine, each looked at once."""

    def __init__(self) -> None:
        self._elf = ElfCache()
        self._loaders = Loaders(Resolver.STATIC, None, "", self._elf, lambda: "", hwcaps=False)
        self._table = read_signs()
        self._seen: set[str] = set()

    def suggested(self, path: str) -> list[Suggestion] | None:
        """Return what is suggested for the program at `path`; None where it is not one, or was looked at before."""
        try:
            programs = find_inputs([path], None, Layout.HOST, self._elf).programs
            if not programs or programs[0].real in self._seen:
                return None
            self._seen.add(programs[0].real)
            closure = resolve_program(programs[0], self._loaders).closure
        except MagicpakError:
            return None
        env = {"PATH": ENV["PATH"]}
        return suggestions([SignedProgram(os.path.basename(path), closure)], self._table, env, BundleWith())


def count(directories: Sequence[str]) -> None:
    """Print the programs of each kind of suggestion."""
    survey, kinds, programs, without = SuggestionSurvey(), defaultdict(list), 0, 0
    for directory in directories:
        for name in sorted(os.listdir(directory)):
            found = survey.suggested(f"{directory}/{name}")
            programs += found is not None
            without += found == []
            for each in found or ():
                kind, what = (each.value, name) if each.flag == "with" else (each.reason.split()[1], each.value)
                kinds[kind].append(f"{name}:{what}" if what != name else name)
    total = sum(map(len, kinds.values()))
    print(f"{programs} programs, {total} suggestions, {total / programs:.2f} for each, none for {without}")
    for kind, names in sorted(kinds.items(), key=lambda each: -len(each[1])):
        print(f"{len(names):5} {kind}: {' '.join(names)}")


def watch() -> None:
    """Run the commands, and print which suggestions they have used."""
    every, used = 0, 0
    with socket.create_server(("127.0.0.1", 0)) as server, tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        for line in RUNS:
            command = line.replace("@PORT", str(server.getsockname()[1]))
            path = find_program(shlex.split(command)[0])
            found = SuggestionSurvey().suggested(path) if path else None
            if not found:
                print(f"{line}: {'nothing is suggested' if path else 'not installed'}")
                continue
            paths = list(_used(shlex.split(command)))
            right = [each for each in found if any(_stands_for(each, path) for path in paths)]
            every, used = every + len(found), used + len(right)
            unused = " ".join(each.value for each in found if each not in right)
            print(f"{line}: {len(right)} of {len(found)}{f', not {unused}' if unused else ''}")
    print(f"{used} of {every} suggestions were used")


def _used(argv: Sequence[str]) -> Iterator[str]:
    with private_directory() as keep_in:
        traced = run_traced(Command.found(argv, ENV), timeout=5, keep_in=keep_in, stdin=b"a line\n", to_the_last=False)
    for use in traced.trace.uses:
        yield os.path.normpath(use.path)
    yield from [each.path for each in traced.trace.executions[1:]]


def _stands_for(suggestion: Suggestion, path: str) -> bool:
    if suggestion.flag == "with":
        return re.search(USED.get(suggestion.value, "(?!)"), path) is not None
    return (
        path == suggestion.value
        or path.startswith(f"{suggestion.value}/")
        or (os.path.exists(path) and os.path.samefile(path, suggestion.value))
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--runs"]:
        watch()
    else:
        count(sys.argv[1:] or ["/usr/bin", "/usr/sbin"])
