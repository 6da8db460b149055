"""The test from start to finish: what is run, in which sandbox, and the result."""

from collections.abc import Sequence

from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import BundlePlan
from magicpak.errors import ToolFailed
from magicpak.log import Log
from magicpak.text import printable
from magicpak.trial.attempt import attempt, complaint
from magicpak.trial.busybox import find_busybox
from magicpak.trial.diagnose import rerun_traced, test_failure
from magicpak.trial.expectations import Expectations
from magicpak.trial.invocation import (
    SHELL,
    BusyboxCommand,
    ProgramCommand,
    ShellCommand,
    TrialCommand,
    is_program,
    own_programs,
)
from magicpak.trial.sandbox_fallback import SandboxFallback
from magicpak.trial.suggestions import TrialPlans


def trial_commands(
    command: str | None, programs: Sequence[BundlePath], plan: BundlePlan, busybox: str
) -> list[TrialCommand]:
    """Return what is to be tested: `command` by a shell, or each of `programs`.

    Args:
        command: what `--test-command` says.
        programs: the paths of the INPUTs in the bundle.
        plan: what is in the bundle.
        busybox: the path or name of a busybox, which is needed only for a command where the bundle has no /bin/sh.

    Raises ToolFailed for a busybox that is needed and cannot be used.
    """
    if command is None:
        return [ProgramCommand(path) for path in dict.fromkeys(programs)]
    if not is_program(SHELL, plan):
        lent = find_busybox(busybox)
        return [BusyboxCommand(command, lent, own_programs(lent, plan))]
    try:
        lent_words = find_busybox(busybox)
    except ToolFailed:  # then the command has only the words that the bundle has
        return [ShellCommand(command, None, {})]
    return [ShellCommand(command, lent_words, own_programs(lent_words, plan))]


def run_trial(
    commands: Sequence[TrialCommand],
    expectations: Expectations,
    fallback: SandboxFallback,
    plans: TrialPlans,
    log: Log,
) -> None:
    """Run all `commands`, one after the other, each in the bundle as it was written.

    Raises TestFailed for the first that does not do what `expectations` say, TestUnavailable, ToolFailed.
    """
    for number, command in enumerate(commands):
        log.doing(f"testing {command.line}")
        done = attempt(command, expectations, fallback)
        log.rest()
        if number == 0:
            _report_sandbox(fallback, expectations, log)
        wrong = complaint(command, done, expectations)
        if wrong is not None:
            log.doing(f"tracing {command.line}, which failed")
            traced = rerun_traced(command, done, expectations, fallback)
            log.rest()
            raise test_failure(command, wrong, done, traced, expectations, plans, has_proc=fallback.kind.has_proc)
        log.info(f"tested {printable(command.line)}: passed in {done.seconds:.1f} s")


def _report_sandbox(fallback: SandboxFallback, expectations: Expectations, log: Log) -> None:
    kind = fallback.kind
    log.info(f"testing the bundle in {kind.words}")
    if not kind.has_proc:
        log.warn(
            "mounts are not allowed here, as in a RUN step of docker build: testing the bundle in a bare chroot,"
            " without /proc, and with only the simplest devices in /dev"
        )
    elif kind.user_namespace and expectations.run_as.uid != 0:
        log.warn("not running as root: during the test, the bundle's files belong to the user of --test-user")
