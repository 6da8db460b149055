"""Finds the owners of files without making a bundle: what the bench holds against dpkg(1).

python owners_alone.py [PATH…]

Without a path it does what each run of magicpak does before, and ends: the difference of both is what the owners take.
"""

import gc
import os
import sys

if __name__ == "__main__":
    gc.disable()  # as magicpak does, before it imports anything
    import magicpak.pipeline  # noqa: F401 - each run has it

    paths = sys.argv[1:]
    if paths:
        from magicpak.packages.owners import owners

        found = owners(paths)
        os._exit(bool(found.warnings or found.by_path.keys() != set(paths)))
    os._exit(0)
