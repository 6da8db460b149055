"""The entry: makes sure of the standard streams and the signals before anything else is imported."""

import os
import signal
import sys
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Run the command line of this process and exit with its code."""
    _open_standard_streams()
    code = _run()
    os._exit(code)


def _run() -> int:
    interrupted: int | None = None

    def end(signal_number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        if interrupted is not None:
            return  # the first is being cleaned up after
        interrupted = signal_number
        from magicpak.errors import Interrupted  # noqa: PLC0415 - only when a signal comes

        raise Interrupted(signal_number)

    try:
        for each in _ENDING:
            if signal.getsignal(each) is not signal.SIG_IGN:
                signal.signal(each, end)
        from magicpak.cli import run  # noqa: PLC0415 - a signal while this is imported is no traceback

        return run(sys.argv[1:])
    except BaseException:
        if interrupted is None:
            raise
        return 128 + interrupted


def _open_standard_streams() -> None:
    """Open what is closed of 0, 1 and 2, so that no file of ours becomes a stream that others write to."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    main()
