"""The entry: makes sure of the standard streams and the signals before anything else is imported."""

import gc
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_A_MOMENT = 0.001  # seconds


def main() -> None:
    """Run the command line of this process and exit with its code."""
    gc.disable()  # a run is short and leaves hardly a cycle behind; looking for them is 7 % of its time
    _open_standard_streams()
    _run()


def _run() -> NoReturn:
    """Run the command line and exit without Python's own farewell, from inside `try`: so no signal comes too late."""
    interrupted: int | None = None

    def end(signal_number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        committed = getattr(sys.modules.get("magicpak.process.signals"), "Committed", None)
        if interrupted is not None or (committed is not None and committed.already()):
            return  # the first is being cleaned up after, or the bundle stands
        interrupted = signal_number
        errors = sys.modules.get("magicpak.errors")  # an import could be under way: none from a handler
        raise getattr(errors, "Interrupted", KeyboardInterrupt)(signal_number)

    def again(_number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        number, interrupted = interrupted, None
        if number is not None:
            os.kill(os.getpid(), number)

    def swallowed(what: "sys.UnraisableHookArgs") -> None:
        """Send a signal again whose exception arose where Python ignores all of them: in a destructor, say."""
        if interrupted is None:
            sys.__unraisablehook__(what)
        else:
            signal.setitimer(signal.ITIMER_REAL, _A_MOMENT)

    try:
        sys.unraisablehook = swallowed
        signal.signal(signal.SIGALRM, again)
        for each in _ENDING:
            if signal.getsignal(each) is not signal.SIG_IGN:
                signal.signal(each, end)
        from magicpak.cli.main import run  # noqa: PLC0415 - a signal while this is imported is no traceback

        os._exit(run(sys.argv[1:]))
    except BaseException:
        if interrupted is None:
            raise
        os._exit(128 + interrupted)


def _open_standard_streams() -> None:
    """Open what is closed of 0, 1 and 2, so that no file of ours becomes a stream that others write to."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    main()
