"""Small modules in the place of those that click imports and hardly uses: they take a quarter of a short run."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType


def _cleandoc(text: str) -> str:
    """Do what `inspect.cleandoc` does, which is little for a single line."""
    if "\n" not in text:
        return text.expandtabs().lstrip()
    import inspect

    return inspect.cleandoc(text)


def _gettext(message: str) -> str:
    return message


def _ngettext(one: str, several: str, count: int) -> str:
    return one if count == 1 else several


STAND_INS: Mapping[str, Mapping[str, type | Callable[..., str]]] = {
    "inspect": {"cleandoc": _cleandoc},
    "gettext": {"gettext": _gettext, "ngettext": _ngettext},  # there are no translations to look for
    "uuid": {"UUID": str},  # the class that click's types for these values
    "datetime": {"datetime": str},  # are declared with, which no option has
}
"""The modules, with all of each that click uses when it is imported, and when it reads options."""


class StandIn(ModuleType):
    """A module that has a few names, and all others from the real one, which is then imported."""

    def __init__(self, name: str, attributes: Mapping[str, object]) -> None:
        super().__init__(name)
        vars(self).update(attributes)

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # what the import system asks every module for
            raise AttributeError(name)
        _remove(self)
        return getattr(import_module(self.__name__), name)


@contextmanager
def stand_ins() -> Iterator[None]:
    """Let what is imported in this context have stand-ins, except for modules that have been imported already."""
    ours = {name: StandIn(name, names) for name, names in STAND_INS.items() if name not in sys.modules}
    sys.modules.update(ours)
    try:
        yield
    finally:
        for each in ours.values():
            _remove(each)


def _remove(module: StandIn) -> None:
    """Let the next import of its name import the real module."""
    if sys.modules.get(module.__name__) is module:
        del sys.modules[module.__name__]
