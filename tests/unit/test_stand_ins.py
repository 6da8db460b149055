"""The stand-ins for modules that click imports: who needs the real ones gets them."""

import subprocess
import sys

import pytest

from magicpak.cli.stand_ins import STAND_INS, StandIn, stand_ins


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_real_modules_are_imported_afterwards() -> None:
    code = """
import magicpak.cli.main, inspect, uuid, datetime, gettext
print(inspect.signature(len), uuid.UUID(int=1).int, datetime.datetime(2026, 1, 2).year, gettext.gettext("x"))
"""
    assert python(code) == "(obj, /) 1 2026 x\n"


def test_a_stand_in_has_all_that_the_module_has(monkeypatch: pytest.MonkeyPatch) -> None:
    import inspect

    monkeypatch.delitem(sys.modules, "inspect")
    with stand_ins():
        import inspect as other
    assert isinstance(other, StandIn)
    assert other.isfunction(test_a_stand_in_has_all_that_the_module_has)
    for text in (" one\tline ", "several\n    lines\n      of text"):
        assert other.cleandoc(text) == inspect.cleandoc(text)


def test_modules_that_have_been_imported_stay() -> None:
    modules = {name: sys.modules.setdefault(name, __import__(name)) for name in STAND_INS}
    with stand_ins():
        assert {name: sys.modules[name] for name in STAND_INS} == modules
    assert {name: sys.modules[name] for name in STAND_INS} == modules


def test_plurals_are_english() -> None:
    ngettext = STAND_INS["gettext"]["ngettext"]
    assert [ngettext("one", "several", count) for count in (0, 1, 2)] == ["several", "one", "several"]
