"""`--test`: runs the finished bundle alone."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple

from magicpak.collect.result import Result
from magicpak.log import Log
from magicpak.outputs.directory import write_copy
from magicpak.tracing.run import TracedRun
from magicpak.tracing.trace import Access
from magicpak.trial.expectations import Expectations, run_as_for
from magicpak.trial.invocation import TrialCommand
from magicpak.trial.run import run_trial, trial_commands
from magicpak.trial.sandbox_fallback import SandboxFallback
from magicpak.trial.suggestions import Cures, TrialPlans


class Trial(NamedTuple):
    """What is run, as whom, and what must come of it; `expectations` are those for root.

    `user` is `--test-user`, `source_date_epoch` is for a copy of the bundle.
    """

    command: str | None
    busybox: str
    user: str | None
    expectations: Expectations
    source_date_epoch: int | None

    def prepare(
        self, result: Result, runs: Sequence[TracedRun] | None, cures: Callable[[], Cures] | None = None
    ) -> "PreparedTrial":
        """Return the test run of the bundle of `result`. Raises InvalidUsage for a user, ToolFailed for a busybox.

        `runs` are those that were traced on the host, None where there were none; `cures` knows what would help.
        """
        plan = result.whole
        commands = trial_commands(self.command, [each.place for each in result.inputs.all], plan, self.busybox)
        expectations = self.expectations._replace(run_as=run_as_for(self.user, plan))
        made = None if runs is None else _made_by(runs)
        plans = TrialPlans(plan, result.exclusion, made, result.inputs.all, cures)
        return PreparedTrial(commands, expectations, plans, self.source_date_epoch)


class PreparedTrial(NamedTuple):
    """The commands of a test run, what is expected of them, and what helps to explain a failure."""

    commands: Sequence[TrialCommand]
    expectations: Expectations
    plans: TrialPlans
    source_date_epoch: int | None

    def run(self, root: int, log: Log) -> None:
        """Test the bundle whose root directory has the descriptor `root`.

        Raises TestFailed, TestUnavailable, ToolFailed.
        """
        copy = partial(write_copy, self.plans.plan, source_date_epoch=self.source_date_epoch)
        fallback = SandboxFallback(root, copy, self.expectations.run_as, network=self.expectations.network)
        run_trial(self.commands, self.expectations, fallback, self.plans, log)


def _made_by(runs: Sequence[TracedRun]) -> Collection[str]:
    """Return the real paths of what the runs have made."""
    uses = (use for run in runs for use in run.trace.uses)
    return {use.real for use in uses if use.access is Access.MADE and not use.error}
