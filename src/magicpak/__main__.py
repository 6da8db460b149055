"""The entry point: sets up standard streams and signals before anything else is imported.

Only what every Python has loaded at its start is imported here: during an import, Python still handles SIGINT itself,
and prints a traceback.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import NoReturn

_RETRY_DELAY = 0.001  # seconds


def main() -> None:
    """Run the command line of this process and exit with its code."""
    _exit_quietly_on_sigint()

    import gc
    import signal

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored, nobody learns how a child ended (wait(2))
    gc.disable()  # a short run leaves hardly any cycles; the search for them takes 7 % of its time
    _open_standard_streams()
    _run()


def _exit_quietly_on_sigint() -> None:
    """Handle SIGINT until the real handlers are installed, unless it is ignored."""
    import _signal  # type: ignore[import-not-found]  # built in: `signal` imports other modules, which takes 5 ms

    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, lambda number, _frame: os._exit(128 + number))


def _set_handler(number: int, handler: "Callable[[int, FrameType | None], None]") -> None:
    """Let `handler` handle the signal, unless it is ignored, as under nohup(1)."""
    import signal

    if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, handler)


def _run() -> "NoReturn":
    """Run the command line; exit inside `try`, without Python's shutdown, so that no signal arrives outside it."""
    import signal

    interrupted: int | None = None

    def interrupt(signal_number: int, _frame: "FrameType | None") -> None:
        nonlocal interrupted
        committed = getattr(sys.modules.get("magicpak.process.signals"), "Committed", None)
        if interrupted is not None or (committed is not None and committed.already()):
            return  # the first signal is being cleaned up after, or the bundle is complete
        interrupted = signal_number
        errors = sys.modules.get("magicpak.errors")  # no import in a handler: one may be in progress
        raise getattr(errors, "Interrupted", KeyboardInterrupt)(signal_number)

    def send_again(_number: int, _frame: "FrameType | None") -> None:
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
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            _set_handler(each, interrupt)
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
