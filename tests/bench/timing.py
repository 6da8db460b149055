"""Runs commands in turns and measures their time and memory."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median
from time import perf_counter
from typing import NamedTuple


class TimedCommand(NamedTuple):
    """What is measured: the words of a command, and what is done before each run, outside of the measured time."""

    words: list[str]
    before: Callable[[], None]


class Timing(NamedTuple):
    """One run: seconds from start to end, and the peak memory of its largest process in KiB (ru_maxrss)."""

    seconds: float
    peak: int


class CommandFailed(Exception):
    """A command that is measured did not succeed."""


class Runner:
    """Runs commands in one environment, each with an empty stdin and its stdout thrown away."""

    def __init__(self, environment: Mapping[str, str], stderr: str) -> None:
        """Prepare to run commands in `environment`, with the file at the path `stderr` for what they say there."""
        self._environment = environment
        self._stderr = stderr

    def run(self, command: TimedCommand) -> Timing:
        """Return the time and memory of one run. Raises CommandFailed.

        The processes are started with posix_spawn(3), since a fork(2) of this process would be part of the time.
        """
        command.before()
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, self._stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        ]
        start = perf_counter()
        process = os.posix_spawn(command.words[0], command.words, self._environment, file_actions=actions)
        _, status, usage = os.wait4(process, 0)
        seconds = perf_counter() - start
        if status:
            with open(self._stderr, encoding="utf-8", errors="replace") as said:
                message = f"{' '.join(command.words)} ends with {os.waitstatus_to_exitcode(status)}: {said.read()}"
            raise CommandFailed(message)
        return Timing(seconds, usage.ru_maxrss)

    def in_turns(self, commands: Sequence[TimedCommand], times: int) -> list[list[Timing]]:
        """Return the runs of each command: A B A B …, after one round that is not counted (it fills the page cache)."""
        for command in commands:
            self.run(command)
        rounds = [[self.run(command) for command in commands] for _ in range(times)]
        return [list(runs) for runs in zip(*rounds, strict=True)]


@contextmanager
def on_processors(processors: Collection[int]) -> Iterator[None]:
    """Have what is run meanwhile run on these processors alone: it inherits them from this process."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def middle(runs: Sequence[Timing]) -> float:
    """Return the median of the runs' times in seconds."""
    return median(run.seconds for run in runs)


def quickest(runs: Sequence[Timing]) -> float:
    """Return the least of the runs' times in seconds."""
    return min(run.seconds for run in runs)


def ratio(ours: Sequence[Timing], theirs: Sequence[Timing]) -> float:
    """Return the median of the ratios of neighbouring runs: what else the machine does spoils that least."""
    return median(one.seconds / other.seconds for one, other in zip(ours, theirs, strict=True))
