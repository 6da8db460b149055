"""What `--root` changes among the other values of a command line: nothing is run, and paths are those inside."""

from collections.abc import Mapping
from typing import Any

import click

from magicpak.files.directory import open_root
from magicpak.files.view import HOST
from magicpak.ldso.resolver import Resolver

_ASKING = (Resolver.DLOPEN, Resolver.NOLOAD)


def with_root(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `values` for the tree that they name; `/` is none.

    Raises click.UsageError for what would run a program or loader of it, and InvalidUsage where it is not a directory.
    """
    files = open_root(values["root"])
    if files is HOST:
        return {**values, "root": None}
    resolver = Resolver.NOLOAD if values["experimental_noload_resolver"] else values["resolver"]
    runs = {"--dynamic": values["dynamic"], "--test": values["test"], "--resolver": resolver in _ASKING}
    for flag, is_run in runs.items():
        if is_run:
            raise click.UsageError(_refusal(flag, resolver))
    inputs, output = values["inputs"], values["output"]
    if values["dry_run"] and inputs and output is not None and files.is_file(output):
        inputs, output = (*inputs, output), None
    return {**values, "resolver": Resolver.STATIC, "inputs": inputs, "output": output}


def _refusal(flag: str, resolver: Resolver | None) -> str:
    if flag != "--resolver":
        return f"{flag} cannot be used with --root: no program of another tree is run"
    name = resolver.value if resolver is not None else ""
    return f"--resolver {name} cannot be used with --root: no loader of another tree is run, but emulated (static)"
