"""HTML and SVG that is safe by construction: text is escaped where it becomes part of an element."""

from collections.abc import Iterable

from magicpak.text import printable

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_VOID = frozenset({"col", "input", "link", "meta"})  # of HTML: they have no end tag
_EMPTY = frozenset({"path", "rect"})  # of SVG


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def escaped(text: str) -> Markup:
    """Return `text` as markup: what it is to a person (`magicpak.text`), every character of it meaning itself."""
    return text if isinstance(text, Markup) else Markup(printable(text).translate(_ESCAPES))


def joined(parts: Iterable[str], between: str = "") -> Markup:
    """Return all of `parts` in a row; what is no markup is text."""
    return Markup(escaped(between).join(map(escaped, parts)))


def element(name: str, /, *content: str, **attributes: str | float | bool | None) -> Markup:
    """Return an element; what is no markup in `content` is text.

    `class_` and `aria_label` are the attributes class and aria-label; one that is None or False is left out.
    """
    start = "".join(
        f" {_name(each)}" if value is True else f' {_name(each)}="{_value(value)}"'
        for each, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{start}>")
    if name in _EMPTY and not content:
        return Markup(f"<{name}{start}/>")
    return Markup(f"<{name}{start}>{joined(content)}</{name}>")


def number(value: float) -> str:
    """Return a number as the attributes of SVG have it, to a tenth."""
    return f"{value:.1f}".removesuffix(".0")


def _name(keyword: str) -> str:
    return keyword.rstrip("_").replace("_", "-")


def _value(value: str | float) -> str:
    return escaped(value) if isinstance(value, str) else number(value)
