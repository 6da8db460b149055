"""Watches a command with the tracer alone, without making a bundle: what the bench holds against strace(1).

python watch_alone.py COMMAND ARGUMENT…
"""

import gc
import os
import sys
import tempfile

from magicpak.tracing.watching import watch

if __name__ == "__main__":
    gc.disable()  # as magicpak does
    with tempfile.TemporaryDirectory() as directory:
        watched = watch(sys.argv[1:], timeout=600, keep_in=directory)
    sys.stdout.flush()
    os._exit(watched.returncode or not watched.trace.uses)
