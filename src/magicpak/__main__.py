"""The entry point: sets up standard streams and signals before anything else is imported."""

import gc
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

_INTERRUPTING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_RETRY_DELAY = 0.001  # seconds


def main() -> None:
    """Run the command line of this process and exit with its code."""
    gc.disable()  # a short run leaves hardly any cycles; the search for them takes 7 % of its time
    _open_standard_streams()
    _run()


def _run() -> NoReturn:
    """Run the command line; exit inside `try`, without Python's shutdown, so that no signal arrives outside it."""
    interrupted: int | None = None

    def interrupt(signal_number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        committed = getattr(sys.modules.get("magicpak.process.signals"), "Committed", None)
        if interrupted is not None or (committed is not None and committed.already()):
            return  # the first signal is being cleaned up after, or the bundle is complete
        interrupted = signal_number
        errors = sys.modules.get("magicpak.errors")  # no import in a handler: one may be in progress
        raise getattr(errors, "Interrupted", KeyboardInterrupt)(signal_number)

    def send_again(_number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        number, interrupted = interrupted, None
        if number is not None:
            os.kill(os.getpid(), number)

    def retry_unraisable(what: "sys.UnraisableHookArgs") -> None:
        """Send the signal again if its exception was raised where Python ignores exceptions, as in a destructor."""
        if interrupted is None:
            sys.__unraisablehook__(what)
        else:
            signal.setitimer(signal.ITIMER_REAL, _RETRY_DELAY)

    try:
        sys.unraisablehook = retry_unraisable
        signal.signal(signal.SIGALRM, send_again)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored, nobody learns how a child ended (wait(2))
        for each in _INTERRUPTING:
            if signal.getsignal(each) is not signal.SIG_IGN:
                signal.signal(each, interrupt)
        from magicpak.cli.main import run  # here, so that a signal during the import leaves no traceback

        os._exit(run(sys.argv[1:]))
    except BaseException:
        if interrupted is None:
            raise
        os._exit(128 + interrupted)


def _open_standard_streams() -> None:
    """Open /dev/null for each of 0, 1 and 2 that is closed, so that no file of ours becomes a standard stream."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    main()
