"""Node.js: packages in node_modules up the tree, and in the directories of the system."""

import os
import re
from collections.abc import Iterator

from magicpak.scripts.interpreters.interpreted import FinderContext, Interpreted, LibraryFinder, Reach
from magicpak.scripts.interpreters.node_packages import NodePackage, module_file, node_package
from magicpak.scripts.interpreters.source_syntax import KEPT_STRING, STRING, SourceSyntax

_TEMPLATE = r"`([^`\\]*(?:\\[\s\S][^`\\]*)*)`"
_ANY = rf"(?:{STRING}|{_TEMPLATE})"
_NAMED = rf"(?:{STRING}|{_TEMPLATE}|(?P<variable>[A-Za-z_$][\w$]*))"
_REGULAR_EXPRESSION = r"(?<=[(,=:\[!&|?{};])\s{0,9}/(?![*/])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.){0,99}\]){1,999}/"

SYNTAX = SourceSyntax(
    comments=r"//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)|\A#![^\n]*",
    kept=rf"(?:{KEPT_STRING}|{_TEMPLATE[:-1]}(?:`|\\?\Z)|{_REGULAR_EXPRESSION})",
    imports=(
        rf"\brequire(?:\.resolve)?\s*\(\s*{_ANY}|\bimport(?:\.meta\.resolve)?\s*\(\s*{_ANY}"
        rf"|\bfrom\s*{STRING}|\bimport\s*{STRING}"
    ),
    beside=rf"\b__dirname\s*[,+]\s*{STRING}|\$\{{__dirname\}}([\w./@-]+)|\bnew\s+URL\(\s*{STRING}\s*,\s*import\.meta\.url",
    lines=rf"\b(?:exec|execSync|execPromise)\s*\(\s*{_NAMED}",
    words=rf"\b(?:spawn|spawnSync|execFile|execFileSync|execa|execaSync)\s*\(\s*{_NAMED}",
    assignments=rf"\b(?P<name>[A-Za-z_$][\w$]*)\s*=\s*{STRING}",
    executing=r"child_process|\bexeca\b|cross-spawn|shelljs",
    suffixes=(".js", ".cjs", ".mjs"),
)

_BUILT_IN = re.compile(
    r"assert|async_hooks|buffer|child_process|cluster|console|constants|crypto|dgram|diagnostics_channel|dns|domain"
    r"|events|fs|http|http2|https|inspector|module|net|os|path|perf_hooks|process|punycode|querystring|readline|repl"
    r"|stream|string_decoder|sys|timers|tls|trace_events|tty|url|util|v8|vm|wasi|worker_threads|zlib"
)

_EXTERNAL = ["acorn", "acorn-walk", "busboy", "cjs-module-lexer", "minimatch", "undici", "xtend"]
"""What Debian's node reads from packages of their own, where others have it inside."""

_NOT_INCLUDED = {"node_modules", ".git"}
_NOT_A_PACKAGE = re.compile(r"/|/(?:usr|usr/local)(?:/bin)?|/root|/home|/opt|/srv|/etc|/tmp")
_NATIVE = ("lib/nodejs", "lib/*-linux-*/nodejs")


class NodeModules:
    """Finds packages from where the script really is, as node does; each is needed whole, with its dependencies."""

    def __init__(self, context: FinderContext) -> None:
        self._sources = context.sources
        self._script = context.sources.real(context.script.path)
        self._whole = context.whole
        named = context.script.environment.get("NODE_PATH", "").split(":")
        system = context.home.modules("share/nodejs", *_NATIVE, "lib/node", "lib/node_modules")
        self._global = [*(path for path in named if path.startswith("/")), *system]
        self._packages: dict[str, NodePackage | None] = {}

    def beginning(self) -> Reach:
        """Return the package of the script and what it depends on; of its node_modules, what is needed."""
        files = [path for path in self._above(self._script) if self._sources.is_directory(path)] if self._whole else []
        package = self._scope(self._script)
        if package is None or _NOT_A_PACKAGE.fullmatch(package.directory):
            return Reach(files)
        names = sorted(self._sources.names(package.directory) - _NOT_INCLUDED)
        files += [f"{package.directory}/{name}" for name in names]
        return Reach(files, (), package.dependencies, f"{package.directory}/package.json")

    def find(self, name: str, importer: str) -> Reach:
        """Return where an import of `name` leads."""
        real = self._sources.real(importer)
        if name.startswith(("./", "../", "/")) or name in (".", ".."):
            return self._file(os.path.normpath(os.path.join(os.path.dirname(real), name)))
        if name.startswith("#"):
            scope = self._scope(real)
            return Reach(sources=_read(scope.own(name, self._sources)) if scope else ())
        if name.startswith("node:") or _BUILT_IN.fullmatch(name.partition("/")[0]) or ":" in name:
            return Reach()
        parts = name.split("/")
        split = 2 if name.startswith("@") else 1
        return self._package("/".join(parts[:split]), "".join(f"/{part}" for part in parts[split:]), real)

    def _file(self, path: str) -> Reach:
        """Return the file or directory that is imported by its path."""
        found = module_file(path, self._sources)
        if found is None and self._sources.is_directory(path) and (package := self._described(path)):
            entries = package.entries("", self._sources)
            return Reach([f"{path}/package.json", *entries], _read(entries))
        return Reach([found], _read([found])) if found else Reach()

    def _package(self, name: str, subpath: str, importer: str) -> Reach:
        for directory in (*self._above(importer), *self._global):
            path = f"{directory}/{name}"
            if not self._sources.is_directory(path):
                file = module_file(path, self._sources)
                if file is not None:
                    return Reach([file], _read([file]))
                continue
            package = self._described(self._sources.real(path)) or NodePackage(self._sources.real(path), {})
            entries = package.entries(subpath, self._sources)
            manifest = f"{package.directory}/package.json"
            return Reach([path], _read(entries), package.dependencies, manifest)
        return Reach()

    def _above(self, path: str) -> Iterator[str]:
        """Yield the directories of packages from that of `path` up to the root."""
        directory = os.path.dirname(path)
        while True:
            if os.path.basename(directory) != "node_modules":
                yield f"{directory.rstrip('/')}/node_modules"
            if directory in ("/", ""):
                return
            directory = os.path.dirname(directory)

    def _scope(self, path: str) -> NodePackage | None:
        """Return the package that the file at the real path `path` belongs to."""
        directory = os.path.dirname(path)
        while directory not in ("/", "") and os.path.basename(directory) != "node_modules":
            if package := self._described(directory):
                return package
            directory = os.path.dirname(directory)
        return None

    def _described(self, directory: str) -> NodePackage | None:
        if directory not in self._packages:
            self._packages[directory] = node_package(directory, self._sources)
        return self._packages[directory]


def _read(files: list[str]) -> list[str]:
    return [path for path in files if not path.endswith((".json", ".node"))]


NODE = Interpreted(SYNTAX, LibraryFinder([f"share/nodejs/{name}" for name in _EXTERNAL]), NodeModules)
