"""Watches a command with the tracer alone, without making a bundle: what the bench holds against strace(1).

python watch_alone.py DIRECTORY COMMAND ARGUMENT…

DIRECTORY is a private one, for what the command changes.
"""

import gc
import os
import sys

if __name__ == "__main__":
    gc.disable()  # as magicpak does, before it imports anything
    from magicpak.tracing.watching import watch

    watched = watch(sys.argv[2:], timeout=600, keep_in=sys.argv[1])
    sys.stdout.flush()
    os._exit(watched.returncode or not watched.trace.uses)
