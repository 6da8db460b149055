"""`--test`: what tries the finished bundle."""

import os
from collections.abc import Callable, Sequence

from magicpak.collect.result import Decided
from magicpak.log import Log
from magicpak.options import Options
from magicpak.outputs.directory import write_copy
from magicpak.tracing.run import TracedRun
from magicpak.tracing.trace import Access
from magicpak.trial.expectations import Expectations, run_as_for
from magicpak.trial.run import run_trial, trial_commands
from magicpak.trial.sandbox_fallback import SandboxFallback
from magicpak.trial.suggestions import TrialPlans


def trial_of(options: Options, decided: Decided, runs: Sequence[TracedRun], log: Log) -> Callable[[int], None]:
    """Return what tries the bundle, given its root, as `--test` asks for it. Raises MagicpakError.

    `runs` are those that were watched on the host.
    """
    plan = decided.plan
    expectations = Expectations(
        stdin=None if options.test_stdin is None else os.fsencode(options.test_stdin),
        stdout=None if options.test_stdout is None else os.fsencode(options.test_stdout),
        exit_code=options.test_exit_code,
        timeout=options.test_timeout,
        env=options.test_env,
        run_as=run_as_for(options.test_user, plan),
        network=options.test_network,
    )
    commands = trial_commands(options.test_command, [each.at for each in decided.programs], plan, options.busybox)

    made = {use.real for run in runs for use in run.trace.uses if use.access is Access.MADE and not use.error}
    plans = TrialPlans(plan, decided.before, options.exclude, made if options.dynamic else None)

    def copy(path: str) -> None:
        write_copy(plan, path, options.source_date_epoch)

    def trial(root: int) -> None:
        fallback = SandboxFallback(root, copy, expectations.run_as, network=expectations.network)
        run_trial(commands, expectations, fallback, plans, log)

    return trial
