"""The files that come with magicpak beside its modules.

The standalone executable has another module in the place of this one, with its files inside (standalone/freezing.py).
"""

import os


def read(name: str) -> bytes | None:
    """Return what is in the file `name`, a path in this package; None where it does not come with this magicpak."""
    try:
        with open(os.path.join(os.path.dirname(__file__), name), "rb", buffering=0) as file:
            return file.read()
    except FileNotFoundError:
        return None
