"""`--dynamic`: runs what is to be traced."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from magicpak.dynamic.runs import counted_part, judge, planned_runs, trace_lines
from magicpak.log import Log
from magicpak.options import LogLevel
from magicpak.process.exec import Command
from magicpak.resolve.inputs import Input
from magicpak.text import printable
from magicpak.tracing.run import TracedRun, run_traced


class Tracing(NamedTuple):
    """How INPUTs are run: with `arguments`, or by the shell's `command`; `timeout` is in seconds."""

    arguments: Sequence[str]
    command: str | None
    stdin: bytes | None
    env: Mapping[str, str]
    timeout: float
    allow_failure: bool

    def run(self, inputs: Sequence[Input], private: Callable[[], str], log: Log) -> list[TracedRun]:
        """Run `inputs`, and return what was seen, as far as it counts. Raises MagicpakError.

        `private` returns the path of a new private directory, which must outlive the bundle.
        """
        debug = log.shows(LogLevel.DEBUG)
        result = []
        for run in planned_runs(inputs, self.arguments, self.command):
            log.info(f"running {printable(run.line)} (for at most {self.timeout:g} s)")
            log.doing(f"running {run.line}")
            traced = run_traced(
                Command(run.argv, run.executable, self.env),
                timeout=self.timeout,
                keep_in=private(),
                stdin=self.stdin,
                on_line=(lambda line: log.debug(os.fsdecode(line))) if debug else None,
            )
            log.rest()
            for line in trace_lines(traced.trace) if debug else ():
                log.debug(line)
            log.warn_all(judge(run, traced, self.timeout, allow_failure=self.allow_failure))
            trace, warnings = counted_part(run, traced.trace)
            log.warn_all(warnings)
            result.append(traced._replace(trace=trace))
        return result
