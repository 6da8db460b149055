"""How a program has ended, in words."""

import signal

_BY_SIGNAL = 128  # what a shell, and docker, add to the number of a signal
_NAMES = {each.value: each.name for each in signal.Signals}


def exit_code(returncode: int) -> int:
    """Return the exit code that a shell or docker reports for a return code, which is negative for a signal."""
    return returncode if returncode >= 0 else _BY_SIGNAL - returncode


def describe_exit(returncode: int) -> str:
    """Return what `returncode` means, as `os.waitstatus_to_exitcode` has it: what follows the program's name."""
    if returncode < 0:
        return f"was killed by {_NAMES.get(-returncode, f'signal {-returncode}')}"
    name = _NAMES.get(returncode - _BY_SIGNAL)
    return f"exited with code {returncode}" + (f" ({name})" if name else "")
