"""`--test`: what tries the finished bundle."""

import os
from collections.abc import Callable, Sequence

from magicpak.collect.result import Decided
from magicpak.log import Log
from magicpak.options import Options, variables
from magicpak.outputs.directory import write_copy
from magicpak.tracing.run import Watched
from magicpak.tracing.trace import How
from magicpak.trial.expectations import Demands, guest_for
from magicpak.trial.run import commands_for, try_out
from magicpak.trial.sandbox_fallback import Ladder
from magicpak.trial.suggestions import Plans


def trial_of(options: Options, decided: Decided, runs: Sequence[Watched], log: Log) -> Callable[[int], None]:
    """Return what tries the bundle, given its root, as `--test` asks for it. Raises MagicpakError.

    `runs` are those that were watched on the host.
    """
    plan = decided.plan
    demands = Demands(
        stdin=None if options.test_stdin is None else os.fsencode(options.test_stdin),
        stdout=None if options.test_stdout is None else os.fsencode(options.test_stdout),
        exit_code=options.test_exit_code,
        timeout=options.test_timeout,
        env=variables(options.test_env),
        guest=guest_for(options.test_user, plan),
        network=options.test_network,
    )
    commands = commands_for(options.test_command, [each.at for each in decided.programs], plan, options.busybox)

    made = {use.real for run in runs for use in run.trace.uses if use.how is How.MADE and not use.error}
    plans = Plans(plan, decided.before, options.exclude, made if options.dynamic else None)

    def copy(path: str) -> None:
        write_copy(plan, path, options.source_date_epoch)

    def trial(root: int) -> None:
        ladder = Ladder(root, copy, demands.guest, network=demands.network)
        try_out(commands, demands, ladder, plans, log)

    return trial
