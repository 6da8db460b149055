"""What `--onto` names."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from magicpak.base.base import Base
from magicpak.base.directory import directory_base
from magicpak.bundle.platform import Platform
from magicpak.errors import InvalidUsage
from magicpak.text import printable

if TYPE_CHECKING:
    from magicpak.base.image import PrivateDirectory

_OCI = "oci:"


def find_base(names: Sequence[str], platform: Platform | None, private: "PrivateDirectory") -> Base:
    """Return the base that `names` make together, each laid onto those before. Raises MagicpakError.

    Of an image for several platforms, that for `platform` is taken; `private` returns a new private directory.
    """
    base = _find(names[0], platform, private)
    for name in names[1:]:
        upper = _find(name, platform, private)
        plan = base.lay(upper.plan).union
        unreadable = [*base.unreadable, *upper.unreadable]
        base = base._replace(name=f"{base.name} and {name}", plan=plan, unreadable=unreadable, image=None)
    return base


def _find(name: str, platform: Platform | None, private: "PrivateDirectory") -> Base:
    path, _, tag = name.removeprefix(_OCI).partition(":") if name.startswith(_OCI) else (name, "", "")
    if name.startswith(_OCI) and os.path.isdir(path):
        from magicpak.base.image import layout_base

        return layout_base(name, path, tag or None, platform, private)
    if os.path.isdir(path) and not name.startswith(_OCI):
        return directory_base(name)
    if os.path.isfile(path) and not name.startswith(_OCI):
        from magicpak.base.image import archive_base

        return archive_base(name, platform, private)
    why = "is not a directory or an archive" if os.path.lexists(path) else "does not exist"
    message = f"--onto {printable(name)} {why}"
    raise InvalidUsage(message)
