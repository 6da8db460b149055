"""Counts scripts of Debian's packages that print in their bundle what they print on the host, and prints a table.

    python tests/survey/scripts.py --work DIR --magicpak FILE [--count 200] [--seed 1] [--suite bookworm]

As root, with debootstrap installed, and the static executable of magicpak that `python -m standalone` makes. Packages
are drawn, and of each one program of /usr/bin or /usr/sbin; those that are scripts are installed without recommended
packages in the Debian in DIR, and bundled there. Each runs with three argument lists on the host (twice: what differs
from run to run does not count) and in the bundle. Results stay in DIR: a run that was stopped goes on from there.
`--again` bundles and runs the scripts once more that have a result, those that NAME selects or failed ones.
"""

import argparse
import json
import os
import re
import shutil
import stat
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "tests")]  # this is a script: pytest does not set it

from survey.draw import Drawn, draw  # noqa: E402
from survey.tree import DebianTree, Printed, run_alone  # noqa: E402

MAX_DOWNLOAD = 60_000_000
"""Bytes of a package and of what it depends on."""

RUNS = (("--help",), ("--version",), ())

Result = dict[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks for, print the table, and return the exit code."""
    given = parser().parse_args(arguments)
    survey = Survey(given.work, given.suite, given.magicpak)
    if given.again is not None:
        for result in survey.results():
            if result["name"] in given.again or (not given.again and not is_same(result)):
                survey.measure(Drawn(result["package"], result["path"], result["line"]))
    elif given.sizes:
        sys.stdout.write(size_table([survey.sizes(each) for each in survey.results()[: given.sizes]]))
        return 0
    elif not given.table:
        survey.go_on(given.seed, given.count)
    sys.stdout.write(table(survey.results()))
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(description="Count scripts that work in their bundles.")
    result.add_argument("--work", metavar="DIR", type=Path, required=True, help="where to work")
    result.add_argument("--magicpak", metavar="FILE", type=Path, required=True, help="the static executable")
    result.add_argument("--suite", default="bookworm", help="the Debian to draw from (default: bookworm)")
    result.add_argument("--seed", metavar="N", type=int, default=1, help="of the draw (default: 1)")
    result.add_argument("--count", metavar="N", type=int, default=200, help="how many scripts to draw (default: 200)")
    result.add_argument("--again", metavar="NAME", nargs="*", help="measure these again, or all that failed")
    result.add_argument("--sizes", metavar="N", type=int, help="compare the sizes of the first N with other ways")
    result.add_argument("--table", action="store_true", help="only print the table")
    return result


class Survey:
    """Scripts and their results in a directory."""

    def __init__(self, work: Path, suite: str, magicpak: Path) -> None:
        self._work = work
        self._results = work / "results"
        self._results.mkdir(parents=True, exist_ok=True)
        self._tree = DebianTree(work / "host", suite)
        self._place = work / "place"
        self._place.mkdir(exist_ok=True)
        trial = run_alone(self._tree.root, self._place, ["/bin/echo", "yes"])
        if trial != Printed("yes\n", "", 0):
            sys.exit(f"commands cannot be run: {trial}")
        shutil.copy2(magicpak, self._tree.root / "opt" / "magicpak")

    def results(self) -> list[Result]:
        """Return what was measured, in the order of the draw."""
        found = [json.loads(each.read_text(encoding="utf-8")) for each in self._results.glob("*.json")]
        return sorted(found, key=lambda each: each["number"])

    def go_on(self, seed: int, count: int) -> None:
        """Draw and measure until there are `count` results."""
        done = {each["package"] for each in self.results()}
        for batch in draw(self._tree, seed, self._work / "drawn.json"):
            new = [each for each in batch if each.package not in done]
            for drawn in self._installed(new):
                self.measure(drawn)
                done.add(drawn.package)
                if len(done) >= count:
                    return

    def measure(self, drawn: Drawn) -> Result:
        """Run `drawn` on the host and in its bundle, and return the result, which is kept."""
        kept = self._results / f"{drawn.package}.json"
        before = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        bundle = self._work / "bundles" / drawn.package
        shutil.rmtree(bundle, ignore_errors=True)
        said = self._bundle(drawn.path, bundle)
        runs = [self._compare(drawn.path, bundle, each) for each in RUNS]
        result = {
            "name": Path(drawn.path).name,
            **drawn._asdict(),
            "number": before.get("number", len(list(self._results.glob("*.json")))),
            "said": said,
            "size": size_of(bundle),
            "runs": runs,
        }
        kept.write_text(json.dumps(result, indent=1), encoding="utf-8")
        sys.stderr.write(f"{result['number']:4} {verdict(result):5} {drawn.path} ({drawn.line})\n")
        if is_same(result):
            shutil.rmtree(bundle, ignore_errors=True)
        return result

    def sizes(self, result: Result) -> list[Any]:
        """Return the language of `result`, and the bytes of its bundle read, traced, and with all packages."""
        path, words = result["path"], result["line"].split()
        interpreter = f"/usr/bin/{words[-1]}" if Path(words[0]).name == "env" else words[0]
        traced = ["--dynamic", "--dynamic-allow-failure", "--dynamic-arg", path, "--dynamic-arg=--help", interpreter]
        sizes = []
        for command in ([path], traced, ["--all-packages", path]):
            made = self._tree.root / "opt" / "sizes"
            shutil.rmtree(made, ignore_errors=True)
            self._tree.chroot("/opt/magicpak", *command, "/opt/sizes")
            sizes.append(size_of(made))
        sys.stderr.write(f"{path} {sizes}\n")
        return [language(result), *sizes]

    def _installed(self, batch: Sequence[Drawn]) -> list[Drawn]:
        """Install the packages of `batch`, all at once if they agree, and return those that are installed."""
        if not batch:
            return []
        small = [each for each in batch if self._tree.download(each.package) < MAX_DOWNLOAD]
        if not self._tree.install(*[each.package for each in small]):
            for each in small:
                self._tree.install(each.package)
        there = [each for each in small if os.path.lexists(self._tree.root / each.path[1:])]
        for each in batch:
            if each not in there:
                sys.stderr.write(f"not installed: {each.package}\n")
        return there

    def _bundle(self, path: str, bundle: Path) -> str:
        made = self._tree.root / "opt" / "bundle"
        shutil.rmtree(made, ignore_errors=True)
        done = self._tree.chroot("/opt/magicpak", path, "/opt/bundle")
        if made.exists():
            bundle.parent.mkdir(exist_ok=True)
            shutil.move(made, bundle)
        else:
            bundle.mkdir(parents=True)
        return done.stderr

    def _compare(self, path: str, bundle: Path, arguments: Sequence[str]) -> Mapping[str, Any]:
        command = [path, *arguments]
        host = [run_alone(self._tree.root, self._place, command) for _ in range(2)]
        inside = run_alone(bundle, self._place, command)
        return {"arguments": arguments, "same": is_one(inside, host), "host": host, "bundle": inside}


def is_one(inside: Printed, host: Sequence[Printed]) -> bool:
    """Return whether `inside` is what the runs on the host have in common: all of it, or all but numbers, or lines."""
    first, second = host
    if first == second:
        return inside == first
    if masked(first) == masked(second):
        return masked(inside) == masked(first)
    common = set(lines(first)) & set(lines(second))
    return inside.code == first.code and common <= set(lines(inside))


def masked(output: Printed) -> Printed:
    """Return `output` without its numbers and the names of temporary files."""
    stdout, stderr = (re.sub(r"/tmp/\S+|0x[0-9a-f]+|[0-9]+", "#", text) for text in output[:2])
    return Printed(stdout, stderr, output.code)


def lines(output: Printed) -> list[str]:
    """Return all lines of `output`."""
    return [*output.stdout.splitlines(), *output.stderr.splitlines()]


def size_of(directory: Path) -> int:
    """Return the bytes of the files below `directory`, those with several names once."""
    found = {}
    for each in directory.rglob("*"):
        status = each.lstat()
        if stat.S_ISREG(status.st_mode):
            found[status.st_ino] = status.st_size
    return sum(found.values())


def verdict(result: Result) -> str:
    """Return which runs of `result` are the same, as in `=≠=`."""
    return "".join("=" if run["same"] else "≠" for run in result["runs"])


def is_same(result: Result) -> bool:
    """Return whether all runs of `result` are the same."""
    return all(run["same"] for run in result["runs"])


def language(result: Result) -> str:
    """Return the name of the interpreter of `result`, without its version."""
    words = [word for word in result["line"].split() if not word.startswith("-")]
    name = Path(words[-1] if Path(words[0]).name == "env" else words[0]).name
    return re.sub(r"[0-9.]+$", "", name)


def table(results: Sequence[Result]) -> str:
    """Return the figures of `results`, as Markdown: a row for each language."""
    rows = ["| language | scripts | all three runs | first run | median | largest |", "|:--|--:|--:|--:|--:|--:|"]
    counted = Counter(map(language, results))
    for name in [*(name for name, _ in counted.most_common()), ""]:
        some = [each for each in results if name in ("", language(each))]
        sizes = [each["size"] / 1e6 for each in some] or [0]
        same, first = sum(map(is_same, some)), sum(each["runs"][0]["same"] for each in some)
        row = [name or "all", len(some), same, first, f"{median(sizes):.1f} MB", f"{max(sizes):.1f} MB"]
        rows.append("| " + " | ".join(map(str, row)) + " |")
    failed = [f"- {each['path']} ({each['package']}): {verdict(each)}" for each in results if not is_same(each)]
    return "\n".join([*rows, "", *failed, ""])


def size_table(rows: Sequence[Sequence[Any]]) -> str:
    """Return the medians of the sizes in `rows`, as Markdown: a row for each language."""
    lines = ["| language | scripts | read | traced with `--help` | `--all-packages` |", "|:--|--:|--:|--:|--:|"]
    for name in [*dict.fromkeys(row[0] for row in rows), ""]:
        some = [row[1:] for row in rows if name in ("", row[0])]
        sizes = [f"{median(column) / 1e6:.1f} MB" for column in zip(*some, strict=True)]
        lines.append("| " + " | ".join([name or "all", str(len(some)), *sizes]) + " |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
