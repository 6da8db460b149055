"""HTML and SVG that is safe by construction: text is escaped when it becomes part of an element."""

import os
from collections.abc import Iterable
from functools import cache, lru_cache

from magicpak.text import printable

_ADVANCE = 6.7  # pixels of a letter of the monospaced fonts at 11 pixels; the widest of them have 0.602 of the size
_FRAGMENT = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-._~!$&'()*+,;=:@?")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_VOID = frozenset({"col", "input", "link", "meta"})  # HTML without an end tag
_EMPTY = frozenset({"path", "rect"})  # SVG


class Markup(str):
    """Text that is markup, and not escaped again."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """Return `text` as markup, in its printable form and escaped, unless it is markup already."""
    return text if isinstance(text, Markup) else _escaped(text)


@lru_cache(maxsize=1 << 14)  # a page has the same paths, names and classes again and again
def _escaped(text: str) -> Markup:
    return Markup(printable(text).translate(_ESCAPES))


def join(parts: Iterable[str], separator: str = "") -> Markup:
    """Return `parts` joined by `separator`; those that are not markup are escaped."""
    return Markup(escape(separator).join(map(escape, parts)))


def element(name: str, /, *content: str, **attributes: str | float | bool | None) -> Markup:
    """Return an element; parts of `content` that are not markup are escaped.

    `class_` and `aria_label` are the attributes class and aria-label; None and False omit an attribute.
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
    return Markup(f"<{name}{start}>{join(content)}</{name}>")


def number(value: float) -> str:
    """Return a number for an attribute of SVG, to a tenth."""
    return f"{value:.1f}".removesuffix(".0")


@cache
def anchor(path: str) -> str:
    """Return the id of the row of `path`: percent-encoded, as after the `#` of a URL (RFC 3986)."""
    return "".join(chr(byte) if byte in _FRAGMENT else f"%{byte:02X}" for byte in os.fsencode(path))


def text_width(text: str) -> float:
    """Return the width of `text` in pixels; every letter that may be wide counts as wide."""
    return sum(_ADVANCE if letter.isascii() else 2 * _ADVANCE for letter in printable(text))


def shorten(text: str, width: float, minimum: int = 7) -> str | None:
    """Return as much of `text` as fits into `width` pixels; None if that is fewer than `minimum` letters."""
    if text_width(text) <= width:
        return text
    letters = int(width / _ADVANCE) - 1
    return f"{printable(text)[:letters]}…" if letters >= minimum and printable(text).isascii() else None


@cache
def _name(keyword: str) -> str:
    return keyword.rstrip("_").replace("_", "-")


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else number(value)
