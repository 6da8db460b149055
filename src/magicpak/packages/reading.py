"""Reads the files of databases, and remembers what cannot be read."""

import os

from magicpak.errors import reason
from magicpak.text import printable


class DatabaseReader:
    """Reads files and directories: what is not there is empty, what cannot be read is empty and leaves a remark."""

    def __init__(self) -> None:
        """Begin without remarks."""
        self.warnings: list[str] = []

    def content(self, path: str) -> bytes:
        """Return what is in the file at `path`."""
        try:
            with open(path, "rb", buffering=0) as file:
                return file.read()
        except FileNotFoundError:
            return b""
        except OSError as error:
            self._remark(path, error)
            return b""

    def entries(self, path: str) -> list[str]:
        """Return the names in the directory at `path`."""
        try:
            return os.listdir(path)
        except FileNotFoundError:
            return []
        except OSError as error:
            self._remark(path, error)
            return []

    def _remark(self, path: str, error: OSError) -> None:
        self.warnings.append(f"cannot read {printable(path)}: {reason(error)}")
