"""Which loaders may be run although nobody asked for it: those of the system, as root has installed them."""

import os
import stat

from magicpak.bundle.path import ROOT, BundlePath, resolve
from magicpak.files.view import link_target
from magicpak.ldso.interpreter import Interpreter, Musl
from magicpak.ldso.machines import machine_of
from magicpak.ldso.musl import loader_path

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH  # with an ACL, the bits of the group are its mask (acl(5))


def is_systems_own(interpreter: Interpreter) -> bool:
    """Return whether `interpreter` is at the path of its ABI, and nobody but root can have put it there.

    A program may name any file as its interpreter, so that running it would run whatever came with the program (ldd(1)
    has the same problem). The path must lead into a default directory, and all on the way to it, links and directories
    too, must belong to root and be writable by root alone.
    """
    if interpreter.path != _path_in_abi(interpreter):
        return False
    end = resolve(interpreter.path, link_target)
    if end.error or not _is_in_default_directory(end.place):
        return False
    try:
        return all(_is_roots_alone(place) for place in (ROOT, *end.passed))
    except OSError:
        return False


def _path_in_abi(interpreter: Interpreter) -> str | None:
    if isinstance(interpreter.built_in, Musl):
        return loader_path(interpreter.built_in.arch)
    machine = machine_of(interpreter.facts.kind)
    return machine.interpreter if machine else None


def _is_in_default_directory(place: BundlePath) -> bool:
    """Return whether `place` is below /lib, /usr/lib, or one of their siblings such as /lib64."""
    parts = place.parts[1:] if place.parts[:1] == ("usr",) else place.parts
    return len(parts) > 1 and parts[0].startswith("lib")


def _is_roots_alone(place: BundlePath) -> bool:
    status = os.lstat(place)
    return status.st_uid == 0 and (stat.S_ISLNK(status.st_mode) or not status.st_mode & _OTHERS_MAY_WRITE)
