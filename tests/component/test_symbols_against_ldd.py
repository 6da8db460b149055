"""The symbols that nothing defines are those that `ldd -r` tells of, for programs and plugins of this host."""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from magicpak.elf.cache import ElfCache
from magicpak.elf.errors import ElfError
from magicpak.elf.facts import ElfFacts
from magicpak.files.directory import DirectoryView
from magicpak.ldso.factory import emulated_loaders
from magicpak.verify.directory import SymbolCheck
from magicpak.verify.programs import ProgramChecker
from support.loader_oracle import GLIBC

pytestmark = pytest.mark.skipif(not os.path.exists(GLIBC), reason=f"there is no {GLIBC}")

WORLD = DirectoryView("/")
STORE = ElfCache(WORLD)


def dynamic_facts(path: str) -> ElfFacts | None:
    try:
        facts = STORE.get(path).facts
    except (ElfError, OSError):
        return None
    return facts if facts.is_dynamic and facts.needed and facts.interpreter in (None, GLIBC) else None


def sample() -> list[str]:
    programs = [str(path) for path in Path("/usr/bin").iterdir()]
    plugins = [str(path) for path in Path("/usr/lib/x86_64-linux-gnu").glob("*/**/*.so")]
    plugins += [str(path) for path in Path("/usr/lib").glob("python3*/lib-dynload/*.so")]
    found = [sorted({os.path.realpath(path) for path in paths if dynamic_facts(path)}) for paths in (programs, plugins)]
    return [path for paths in found for path in Random(1).sample(paths, min(100, len(paths)))]


def by_ldd(path: str) -> set[str] | None:
    """Return the undefined symbols; None where libraries are missing."""
    ran = subprocess.run(["ldd", "-r", path], capture_output=True, text=True, check=False, timeout=60)
    said = ran.stdout + ran.stderr
    if "not found" in said:
        return None
    return set(re.findall(r"undefined symbol: ([^\s,]+)", said)) | set(re.findall(r"symbol (\S+), version", said))


def test_undefined_symbols_are_those_that_ldd_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("magicpak.verify.directory.MAX_NAMED", 1 << 20)
    starter = ProgramChecker(WORLD, emulated_loaders(STORE), SymbolCheck(WORLD).problems)
    paths = sample()
    with ThreadPoolExecutor(2) as pool:
        theirs = dict(zip(paths, pool.map(by_ldd, paths), strict=True))

    def ours(path: str) -> set[str]:
        messages = [problem.message for problem in starter.check(path).problems]
        lists = [match[1] for each in messages if (match := re.match("undefined symbols?: (.*), needed by", each))]
        return {name for names in lists for name in names.split(", ")}

    expected = {path: names for path, names in theirs.items() if names is not None}
    assert {path: ours(path) for path in expected} == expected
    assert len(expected) > 50
