"""Lua, LuaJIT, and Debian's lua-any: modules in package.path and package.cpath."""

import os
import re

from magicpak.scripts.interpreters.interpreted import FinderContext, Interpreted, LibraryFinder, Reach
from magicpak.scripts.interpreters.source_syntax import KEPT_STRING, STRING, VALUE, SourceSyntax

_LONG = r"\[(?P<level>=*)\[[\s\S]*?(?:\](?P=level)\]|\Z)"

SYNTAX = SourceSyntax(
    comments=r"--\[(?P<of>=*)\[[\s\S]*?(?:\](?P=of)\]|\Z)|--[^\n]*",
    kept=rf"(?:{KEPT_STRING}|{_LONG})",
    imports=rf"\brequire\s*(?:[(,]\s*)?{STRING}|\bpackage\.c?path\s*=\s*{STRING}",
    lines=rf"\b(?:os\.execute|io\.popen)\s*(?:\(\s*)?{VALUE}",
    executing=r"\bexecute\b|\bpopen\b",
    suffixes=(".lua",),
)


class LuaModules:
    """Finds modules for the interpreter's version, and beside the script, where it is usually started."""

    def __init__(self, context: FinderContext) -> None:
        self._sources = context.sources
        self._whole = context.whole
        name = os.path.basename(context.home.real)
        numbers = re.match(r"\d+\.\d+", context.home.version)
        version = "5.1" if "luajit" in name else numbers[0] if numbers else "5.*"
        self._system = context.home.modules(
            f"share/lua/{version}", "share/luajit-*", f"lib*/lua/{version}", f"lib/*-linux-*/lua/{version}"
        )
        self._directories = [*self._system, os.path.dirname(context.script.path)]

    def beginning(self) -> Reach:
        """Return the directories of modules, if all are needed."""
        return Reach(self._system if self._whole else ())

    def find(self, name: str, importer: str) -> Reach:
        """Return the module `name`, with the directory of the package that it belongs to."""
        del importer
        if "?" in name:  # package.path
            parts = [part.partition("?")[0].rstrip("/") for part in name.split(";") if part.startswith("/")]
            self._directories += [part for part in parts if part not in self._directories]
            return Reach()
        path = name.replace(".", "/").strip("/")
        first = path.partition("/")[0]
        if not first:
            return Reach()
        endings = (f"{path}.lua", f"{path}/init.lua", f"{path}.so", f"{first}.so")
        candidates = [f"{directory}/{ending}" for directory in self._directories for ending in endings]
        found = [candidate for candidate in candidates if self._sources.is_file(candidate)]
        if not found:
            return Reach()
        packages = [f"{directory}/{first}" for directory in self._directories]
        return Reach(
            [*filter(self._sources.is_directory, packages), *found], [file for file in found if file.endswith(".lua")]
        )


LUA = Interpreted(SYNTAX, LibraryFinder(["share/luajit-*"]), LuaModules)


ANY_LUA = Interpreted(SYNTAX, LibraryFinder(programs=["bin/lua", "bin/lua5.[0-9]", "bin/luajit"]), LuaModules)
