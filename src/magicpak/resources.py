"""The files of magicpak that are not modules.

The standalone executable replaces this module by one that contains the files (standalone/freezing.py).
"""

import os


def read(name: str) -> bytes | None:
    """Return the content of the file `name`, a path in this package; None if this magicpak does not have it."""
    try:
        with open(os.path.join(os.path.dirname(__file__), name), "rb", buffering=0) as file:
            return file.read()
    except FileNotFoundError:
        return None
