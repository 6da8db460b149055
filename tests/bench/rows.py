"""What is measured, against what, and the limits: each row of the table."""

import os
import shutil
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench.owned import owned_files
from bench.timing import Runner, TimedCommand, Timing, middle, on_processors, quickest, ratio
from bench.watching import STRACE, processors_to_run_on, watched_commands
from support.elf_files import X86_64_EXIT_0, make_elf

LIMITS = {
    "original": 0.6,  # times the original, cold
    "shell": 1.0,  # times ldd and cp in a shell script
    "chain": 1.3,  # times the cost of a library in the chain before; 1 is a growth that is exactly linear
    "tree": 3.0,  # times cp -a
    "exclude": 1.5,  # times the same run with one pattern
    "proof": 1.15,  # times the same run without proof and report
    "strace": 1.5,  # times strace --seccomp-bpf
    "owners": 1.0,  # times one dpkg --search for all files
    "memory": 150.0,  # MiB
}

ORIGINAL_ROWS = {
    "`/bin/ls`": ["/bin/ls"],
    "`curl`": ["/usr/bin/curl"],
    "`git`": ["/usr/bin/git"],
    "eight programs at once": [
        *("/bin/ls", "/bin/bash", "/bin/grep", "/bin/sed"),
        *("/usr/bin/curl", "/usr/bin/git", "/usr/bin/openssl", "/usr/bin/sqlite3"),
    ],
}
SHELL_ROWS = {"`ffmpeg`": "/usr/bin/ffmpeg", "`clang-format`": "/usr/bin/clang-format"}
CHAINS = (100, 300, 1000)
TREE_FILES = 50_000
TREE_DIRECTORIES = 250
PATTERNS = 20
OWNED_FILES = 500

# The shortest honest form of what people write: one ldd for the whole closure, one cp for all files. It drops links,
# owners, times and capabilities, and asks no questions.
SHELL = """set -e; mkdir "$2"
{ echo "$1"; ldd "$1" | awk '$2 == "=>" { print $3; next } $1 ~ /^\\// { print $1 }'; } |
xargs cp -L --parents -t "$2"
"""


class Row(NamedTuple):
    """One line of the table: the work, against what, both times in seconds, the ratio, and its limit."""

    work: str
    against: str
    ours: float
    theirs: float
    ratio: float
    limit: float


class Bench:
    """Measures rows with one installed magicpak, and remembers the most memory that it took."""

    def __init__(self, runner: Runner, magicpak: str, original: str | None, work: str, times: int) -> None:
        """Prepare to run `original` and `magicpak` in the private directory `work`, each row that many `times`."""
        self.peak = 0
        self._runner = runner
        self._magicpak = magicpak
        self._original = original
        self._work = work
        self._output = os.path.join(work, "output")
        self._times = times

    def against_original(self) -> list[Row]:
        """Measure programs against the original, whose compiled helper is removed before each run."""
        if self._original is None:
            return []
        rows = []
        for work, programs in ORIGINAL_ROWS.items():
            original = TimedCommand([self._original, *programs, self._output], self._clear_helper)
            rows.append(self._pair(work, "the original, cold", programs, original, LIMITS["original"]))
        return rows

    def against_shell(self) -> list[Row]:
        """Measure programs with many or large libraries against a shell script."""
        rows = []
        for work, program in SHELL_ROWS.items():
            shell = TimedCommand(["/bin/sh", "-c", SHELL, "sh", program, self._output], self._clear)
            rows.append(self._pair(work, "`ldd` and `cp`", [program], shell, LIMITS["shell"]))
        return rows

    def proof(self) -> list[Row]:
        """Measure the proof, and a report for a look, of a program with many libraries against a run without either."""
        program = SHELL_ROWS["`ffmpeg`"]
        without = self._ours(["--no-verify", program])
        report = ["--report-file", os.path.join(self._work, "report"), "--report"]
        cases = {
            "verified": [],
            "verified, with the tree": [*report, "tree"],
            "verified, with the list": [*report, "list"],
        }
        return [
            self._pair(f"`ffmpeg`, {what}", "`--no-verify`", [*words, program], without, LIMITS["proof"])
            for what, words in cases.items()
        ]

    def tree(self) -> list[Row]:
        """Measure a tree of many small files against cp -a of it."""
        tree = os.path.join(self._work, "tree")
        _make_tree(tree)
        words = ["--include", tree, "/bin/true"]
        copy = TimedCommand(["/bin/cp", "-a", tree, self._output], self._clear)
        row = self._pair(f"`--include` of {TREE_FILES:,} files", "`cp -a`", words, copy, LIMITS["tree"], times=5)
        shutil.rmtree(tree)
        return [row]

    def exclude(self) -> list[Row]:
        """Measure many patterns of `--exclude` over a tree of many small files against one, without writing."""
        tree = os.path.join(self._work, "tree")
        _make_tree(tree)
        words = ["--dry-run", "--include", tree, "/bin/true"]
        patterns = [f"--exclude=*/{directory}/file1?" for directory in range(PATTERNS)]
        one = self._ours([*patterns[:1], *words])
        work = f"{PATTERNS} patterns of `--exclude`, {TREE_FILES:,} files"
        row = self._pair(work, "one pattern", [*patterns, *words], one, LIMITS["exclude"], times=5)
        shutil.rmtree(tree)
        return [row]

    def against_strace(self) -> list[Row]:
        """Measure what watching a program adds to a run against strace: on all processors, and on one.

        What a run does before it watches, as the start of Python, is subtracted, run by run. On one processor strace is
        quick: nothing has to be woken up on another.
        """
        work, kept = os.path.join(self._work, "watched"), os.path.join(self._work, "kept")
        os.mkdir(work)
        os.mkdir(kept)
        python = os.path.join(os.path.dirname(self._magicpak), "python")
        alone = [python, os.path.join(os.path.dirname(__file__), "watch_alone.py"), kept]
        rows = []
        for what, words in watched_commands(work).items():
            commands = [[*alone, *words], alone, [*STRACE, *words]]
            for where, processors in processors_to_run_on().items():
                with on_processors(processors):
                    runs = self._runner.in_turns([TimedCommand(each, self._clear) for each in commands], self._times)
                self._remember(runs[0])
                added = [run._replace(seconds=run.seconds - none.seconds) for run, none in zip(*runs[:2], strict=True)]
                work_there = f"watching {what}, on {where}"
                times = middle(added), middle(runs[2]), ratio(added, runs[2])
                rows.append(Row(work_there, "`strace`", *times, LIMITS["strace"]))
        shutil.rmtree(work)
        return rows

    def owners(self) -> list[Row]:
        """Measure who owns files against one question to dpkg; what a run does before is subtracted, run by run."""
        python = os.path.join(os.path.dirname(self._magicpak), "python")
        alone = [python, os.path.join(os.path.dirname(__file__), "owners_alone.py")]
        files = owned_files(OWNED_FILES)
        commands = [[*alone, *files.values()], alone, ["/usr/bin/dpkg", "--search", *files]]
        ours, none, theirs = self._runner.in_turns([TimedCommand(each, self._clear) for each in commands], self._times)
        self._remember(ours)
        added = [run._replace(seconds=run.seconds - before.seconds) for run, before in zip(ours, none, strict=True)]
        times = middle(added), middle(theirs), ratio(added, theirs)
        return [Row(f"the owners of {OWNED_FILES} files", "one `dpkg -S`", *times, LIMITS["owners"])]

    def chains(self) -> list[Row]:
        """Measure a library of a chain against one of a shorter chain; what a run costs without any is subtracted.

        The quickest runs are compared: a difference of two medians would be as large as what disturbs them.
        """
        commands = []
        for length in (0, *CHAINS):
            chain = os.path.join(self._work, f"chain{length}")
            _make_chain(chain, length)
            commands.append(self._ours([f"{chain}/program"]))
        none, *chains = self._runner.in_turns(commands, self._times)
        self._remember(none, *chains)
        each = [(quickest(runs) - quickest(none)) / length for runs, length in zip(chains, CHAINS, strict=True)]
        return [
            Row(
                f"each library in a chain of {CHAINS[at]:,}",
                f"in a chain of {CHAINS[at - 1]:,}",
                each[at],
                each[at - 1],
                each[at] / each[at - 1],
                LIMITS["chain"],
            )
            for at in range(1, len(CHAINS))
        ]

    def _pair(
        self,
        work: str,
        against: str,
        words: Sequence[str],
        other: TimedCommand,
        limit: float,
        *,
        times: int | None = None,
    ) -> Row:
        ours, theirs = self._runner.in_turns([self._ours(words), other], min(times or self._times, self._times))
        self._clear()
        self._remember(ours)
        return Row(work, against, middle(ours), middle(theirs), ratio(ours, theirs), limit)

    def _ours(self, words: Sequence[str]) -> TimedCommand:
        return TimedCommand([self._magicpak, *words, self._output], self._clear)

    def _remember(self, *groups: Sequence[Timing]) -> None:
        self.peak = max(self.peak, *(run.peak for runs in groups for run in runs))

    def _clear(self) -> None:
        if os.path.lexists(self._output):
            shutil.rmtree(self._output)

    def _clear_helper(self) -> None:
        """Make the original cold: it leaves its compiled helper in TMPDIR."""
        self._clear()
        for name in os.listdir(self._work):
            if name.startswith("magicpak_resolver"):
                os.unlink(os.path.join(self._work, name))


Part = Callable[[Bench], list[Row]]
PARTS: dict[str, Part] = {
    "original": Bench.against_original,
    "shell": Bench.against_shell,
    "proof": Bench.proof,
    "chain": Bench.chains,
    "tree": Bench.tree,
    "exclude": Bench.exclude,
    "strace": Bench.against_strace,
    "owners": Bench.owners,
}


def _make_tree(tree: str) -> None:
    """Make files of 0 to 4 KiB, in directories of 200."""
    each = TREE_FILES // TREE_DIRECTORIES
    for directory in range(TREE_DIRECTORIES):
        path = os.path.join(tree, str(directory // 10), str(directory))
        os.makedirs(path)
        for file in range(each):
            with open(os.path.join(path, f"file{file}"), "wb") as made:
                made.write(b"x" * (file * 4096 // each))


def _make_chain(directory: str, length: int) -> None:
    """Make a program that needs a library that needs a library, found by the RPATH of the program.

    A DT_RPATH is the dearest of all ways: it is asked of each object on the way from a library up to the program.
    """
    os.mkdir(directory)
    names = [f"libchain{number}.so" for number in range(length)]
    interpreter = "/lib64/ld-linux-x86-64.so.2"
    program = make_elf(interpreter=interpreter, needed=names[:1], rpath=directory, code=X86_64_EXIT_0)
    for name, elf in [
        ("program", program),
        *((name, make_elf(soname=name, needed=names[at + 1 : at + 2])) for at, name in enumerate(names)),
    ]:
        with open(os.path.join(directory, name), "wb") as file:
            file.write(elf)
