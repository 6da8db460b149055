"""The tables of magicpak/needs, edited as TOML, as the module that magicpak imports: TOML takes 5 ms to read."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from magicpak.needs.rows import OWN_FIELDS, NeedRow, rows_of

NEEDS = Path(__file__).parent.parent / "magicpak" / "needs"

_HEAD = '''"""What needs.toml and signs.toml say. Edit those: `python3 -m manual` makes this module from them."""

# fmt: off
# ruff: noqa: E501, Q000, S108

from typing import Any

'''


def own_rows() -> Mapping[str, NeedRow]:
    """Return the rows of needs.toml by their names."""
    return rows_of((NEEDS / "needs.toml").read_text(), "needs.toml", OWN_FIELDS)


def module() -> str:
    """Return the text of the module, in which each block of a table is one line."""
    signs = tomllib.loads((NEEDS / "signs.toml").read_text())
    rows = [_without_defaults(row) for row in own_rows().values()]
    return "\n".join(
        [
            f"{_HEAD}ROWS: tuple[dict[str, Any], ...] = (",
            *(f"    {row!r}," for row in rows),
            ")",
            "SIGNS: tuple[dict[str, Any], ...] = (",
            *(f"    {_frozen({'name': block.pop('with'), **block})!r}," for block in signs["sign"]),
            ")",
            "NAMED: dict[str, Any] = {",
            *(f"    {name!r}: {_frozen(names)!r}," for name, names in signs["named"].items()),
            "}\n",
        ]
    )


def _without_defaults(row: NeedRow) -> dict[str, object]:
    defaults = row._field_defaults
    return {name: value for name, value in row._asdict().items() if name not in defaults or value != defaults[name]}


def _frozen(value: object) -> object:
    """Return `value` with tuples for lists, which Python keeps as constants."""
    if isinstance(value, dict):
        return {name: _frozen(each) for name, each in value.items()}
    return tuple(value) if isinstance(value, list) else value
