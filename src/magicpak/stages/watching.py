"""`--dynamic`: runs what is to be watched, and returns what was seen."""

import os
from collections.abc import Callable, Sequence

from magicpak.dynamic.runs import counted, judge, planned_runs, trace_lines
from magicpak.log import Log
from magicpak.options import LogLevel, Options, variables
from magicpak.process.exec import Command
from magicpak.resolve.inputs import Program
from magicpak.text import printable
from magicpak.tracing.run import TracedRun, run_traced


def watch_programs(
    options: Options, programs: Sequence[Program], private: Callable[[], str], log: Log
) -> list[TracedRun]:
    """Run what `--dynamic` asks for, and return what was seen, as far as it counts. Raises MagicpakError."""
    stdin = None if options.dynamic_stdin is None else os.fsencode(options.dynamic_stdin)
    env = {**os.environ, **variables(options.dynamic_env)}
    debug = log.shows(LogLevel.DEBUG)
    result = []
    for run in planned_runs(programs, options.dynamic_arg, options.dynamic_command):
        log.info(f"running {printable(run.line)} (for {options.dynamic_timeout:g} s at most)")
        log.doing(f"running {run.line}")
        watched = run_traced(
            Command(run.command, run.executable, env),
            timeout=options.dynamic_timeout,
            keep_in=private(),
            stdin=stdin,
            on_line=(lambda line: log.debug(printable(os.fsdecode(line)))) if debug else None,
        )
        log.rest()
        for line in trace_lines(watched.trace) if debug else ():
            log.debug(line)
        log.warn_all(judge(run, watched, options.dynamic_timeout, allow_failure=options.dynamic_allow_failure))
        trace, warnings = counted(run, watched.trace)
        log.warn_all(warnings)
        result.append(watched._replace(trace=trace))
    return result
