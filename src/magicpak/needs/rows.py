"""The table of what `--with` knows: a row for each name, and what a command line asks of it."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from magicpak.errors import InvalidUsage, reason
from magicpak.files.view import read_host_file
from magicpak.text import printable

MAX_TABLE = 1 << 20
"""Bytes of a user's table: ours, with some forty rows, has 10 KB."""


class NeedRow(NamedTuple):
    """What one name brings; patterns are those of `--include`, with the placeholders of `needs/places`.

    All that `include` matches comes in, and what `default` matches where no argument is given. Of each list in `any`,
    the first pattern that matches comes in, and there must be one. `arguments` are patterns with `{}` for an argument,
    which `argument` names; one of them must match. `home` is the program whose home counts where no INPUT has its own
    with what `any` asks for. `mkdir` are directories to make, `programs` are found in PATH, those of `also` come along
    where they are found, and `made` names a function of `needs/made`. `of_bundle` says what comes in when everything
    else is known, by a name of `needs/of_bundle`.
    """

    name: str
    summary: str
    include: tuple[str, ...] = ()
    default: tuple[str, ...] = ()
    any: tuple[tuple[str, ...], ...] = ()
    argument: str = ""
    arguments: tuple[str, ...] = ()
    home: str = ""
    mkdir: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    made: str = ""
    of_bundle: str = ""

    @property
    def usage(self) -> str:
        """The name, and the arguments that it takes."""
        return f"{self.name}[={self.argument},...]" if self.argument else self.name


class WantedNeed(NamedTuple):
    """A row, and what is asked of it: its default, or `arguments`, or both.

    `flag` is what asks for it. One that is `optional` comes along with another, where it is found.
    """

    row: NeedRow
    flag: str
    arguments: tuple[str, ...] = ()
    has_default: bool = True
    optional: bool = False


_FIELDS = {
    "summary": str,
    "include": list,
    "default": list,
    "any": list,
    "argument": str,
    "arguments": list,
    "home": str,
    "mkdir": list,
    "programs": list,
    "with": list,
}
OWN_FIELDS = {**_FIELDS, "made": str, "of_bundle": str}
"""The fields of our own rows."""


def need_rows(file: str | None = None) -> dict[str, NeedRow]:
    """Return the rows by their names: ours, and those of the user's `file`, which replace ours. Raises InvalidUsage."""
    from magicpak.needs.tables import ROWS

    rows = {row.name: row for row in [NeedRow(**fields) for fields in ROWS]}
    return rows if file is None else rows_of(_content(file), file, _FIELDS, rows)


def rows_of(text: str, file: str, fields: Mapping[str, type], rows: Mapping[str, NeedRow] = {}) -> dict[str, NeedRow]:
    """Return `rows`, and those of the TOML `text` of `file`, whose rows have `fields`. Raises InvalidUsage."""
    import tomllib

    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _invalid(file, str(error)) from None
    except RecursionError:
        raise _invalid(file, "its values are nested too deeply") from None
    all_rows = {**rows, **{name: _row(name, table, file, fields) for name, table in tables.items()}}
    for row in all_rows.values():
        for name in row.also:
            if name not in all_rows:
                raise _invalid(file, f"[{row.name}] is with {name}, which has no row")
    return all_rows


def wanted_needs(values: Iterable[str], rows: Mapping[str, NeedRow]) -> list[WantedNeed]:
    """Return what `values` ask for, `NAME` or `NAME=ARGUMENT,...`, each name once. Raises InvalidUsage."""
    wanted: dict[str, WantedNeed] = {}
    for value in values:
        name, equals_sign, text = value.partition("=")
        row = rows.get(name)
        if row is None:
            raise _unknown(name, rows)
        arguments = tuple(filter(None, text.split(",")))
        if equals_sign and not row.argument:
            raise InvalidUsage(f"--with {printable(name)} takes no argument, but is given {printable(text)!r}")
        if equals_sign and not arguments:
            raise InvalidUsage(f"--with {printable(value)} names nothing", hints=[f"--with {row.usage}"])
        known = wanted.get(name) or WantedNeed(row, f"--with {value}", (), has_default=False)
        all_arguments = tuple(dict.fromkeys((*known.arguments, *arguments)))
        wanted[name] = known._replace(arguments=all_arguments, has_default=known.has_default or not arguments)
    for each in list(wanted.values()):
        _add_companions(each, rows, wanted)
    return list(wanted.values())


def needs_of_scripts(names: Mapping[str, str]) -> list[WantedNeed]:
    """Return what scripts want by `names`, each with the path of what needs it, as far as the host has it."""
    rows = need_rows()
    wanted = {name: WantedNeed(rows[name], f"--with {name}, for {path}", optional=True) for name, path in names.items()}
    for each in list(wanted.values()):
        _add_companions(each, rows, wanted)
    return list(wanted.values())


def _add_companions(need: WantedNeed, rows: Mapping[str, NeedRow], wanted: dict[str, WantedNeed]) -> None:
    for name in need.row.also:
        if name not in wanted:
            wanted[name] = WantedNeed(rows[name], need.flag, optional=True)
            _add_companions(wanted[name], rows, wanted)


def _row(name: str, table: Any, file: str, fields: Mapping[str, type]) -> NeedRow:  # noqa: ANN401 - what TOML has
    if not isinstance(table, dict) or not table.get("summary"):
        raise _invalid(file, f'{name} is not a table with a summary: [{name}] and summary = "..."')
    if not name or not set("=,").isdisjoint(name):
        raise _invalid(file, f"[{name}] is not a name for --with, which splits it at = and ,")
    for field, value in table.items():
        if field not in fields:
            raise _invalid(file, f"[{name}] has the unknown field {field}: there are {', '.join(fields)}")
        if not isinstance(value, fields[field]) or not _is_of_strings(value, depth=1 if field == "any" else 0):
            raise _invalid(file, f"{field} of [{name}] is not {_SHAPES.get(field, 'a list of strings')}")
    values = {"also" if field == "with" else field: _frozen(value) for field, value in table.items()}
    row = NeedRow(name=name, **values)
    if row.arguments and not row.argument:
        row = row._replace(argument="NAME")
    if any("{}" not in each for each in row.arguments):
        raise _invalid(file, f"arguments of [{name}] are patterns with {{}} for the argument")
    return row


_SHAPES = {
    "summary": "a string",
    "argument": "a string",
    "home": "a string",
    "made": "a string",
    "of_bundle": "a string",
    "any": "a list of lists of strings",
}


def _is_of_strings(value: object, depth: int) -> bool:
    """Return whether `value` is a string without a NUL, or a list of such, or a list of lists if `depth` is 1."""
    if isinstance(value, list):
        inner = list if depth else str
        return all(isinstance(each, inner) and _is_of_strings(each, depth - 1) for each in value)
    return isinstance(value, str) and "\0" not in value


def _frozen(value: Any) -> Any:  # noqa: ANN401 - strings, and lists of lists of them
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _content(file: str) -> str:
    try:
        content = read_host_file(file, MAX_TABLE + 1)
        if len(content) > MAX_TABLE:
            raise _invalid(file, f"it has more than {MAX_TABLE} bytes")
        return content.decode()
    except OSError as error:
        raise _invalid(file, reason(error)) from None
    except UnicodeDecodeError:
        raise _invalid(file, "it is not UTF-8") from None


def _invalid(file: str, why: str) -> InvalidUsage:
    return InvalidUsage(f"the table {printable(os.fspath(file))} cannot be used: {printable(why)}")


def _unknown(name: str, rows: Mapping[str, NeedRow]) -> InvalidUsage:
    hints: Sequence[str] = near_names(name, rows)
    hint = f"did you mean {', '.join(hints)}?" if hints else "--with-list lists all names"
    return InvalidUsage(f"--with {printable(name)} is unknown", hints=[hint])


def near_names(name: str, names: Iterable[str]) -> list[str]:
    """Return those of `names` that are spelled like `name`."""
    from difflib import get_close_matches

    by_lower = {each.lower(): each for each in sorted(names)}
    return [by_lower[each] for each in get_close_matches(name.lower(), by_lower)]
