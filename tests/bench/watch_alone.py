"""Watches a command with the tracer alone, without making a bundle: what the bench holds against strace(1).

python watch_alone.py DIRECTORY [COMMAND ARGUMENT…]

DIRECTORY is a private one, for what the command changes. Without a command it does what each run of magicpak does
before it watches, and ends: the difference of both is what watching takes.
"""

import gc
import os
import sys

if __name__ == "__main__":
    gc.disable()  # as magicpak does, before it imports anything
    import magicpak.pipeline  # noqa: F401 - each run has it

    if len(sys.argv) > 2:
        from magicpak.process.exec import Command
        from magicpak.tracing.run import run_traced

        watched = run_traced(Command.found(sys.argv[2:]), timeout=600, keep_in=sys.argv[1])
        sys.stdout.flush()
        os._exit(watched.returncode or not watched.trace.uses)
    os._exit(0)
