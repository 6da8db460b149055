"""What is read in scripts of the languages that a row describes, in trees like those of several systems."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from magicpak.scripts.interpreters.source_syntax import mentions
from magicpak.scripts.interpreters.table import INTERPRETED
from magicpak.scripts.languages import LANGUAGES, language_of
from magicpak.scripts.needs import ScriptFile, ScriptNeeds
from magicpak.scripts.sources import MAX_SOURCE, Sources


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of programs, which is PATH."""
    for name in (*"abcdefgh", "echo"):
        write(tmp_path / "path" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/path")
    return tmp_path


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def tree(root: Path, *names: str) -> None:
    for name in names:
        write(root / name)


def read(interpreter: Path, script: Path, *, whole: bool = False, arguments: tuple[str, ...] = ()) -> ScriptNeeds:
    """Return what `script` needs, as a script of the language of `interpreter`."""
    row = language_of(str(interpreter), Sources())
    assert row is not None
    sources = Sources()
    needs = row.reader().script(ScriptFile(str(script), str(interpreter), arguments), sources, whole=whole)
    return needs._replace(warnings=sources.warnings())


def files(needs: ScriptNeeds, root: Path) -> list[str]:
    """Return the files of the tree that are needed, in order."""
    paths = sorted(each.path for each in needs.files if each.path.startswith(f"{root}/"))
    return [path.removeprefix(f"{root}/") for path in paths]


def programs(needs: ScriptNeeds, host: Path) -> str:
    """Return the names of the programs of the host that are executed; $ is /bin/sh."""
    names = [each.path.removeprefix(f"{host}/path/").replace("/bin/sh", "$") for each in needs.programs]
    return " ".join(sorted(names))


@pytest.mark.parametrize(
    ("name", "language"),
    [
        *[(name, "node") for name in ("node", "nodejs", "node20")],
        *[(name, "tcl") for name in ("tclsh", "tclsh8.6", "expect")],
        *[(name, "tk") for name in ("wish", "wish8.6")],
        *[(name, "lua") for name in ("lua", "lua5.4", "luajit", "luajit-2.1")],
        ("lua-any", "lua-any"),
        *[(name, "php") for name in ("php", "php8.2", "php83", "php-cgi8.2")],
        *[(name, "guile") for name in ("guile", "guile-3.0", "guile3.0")],
        *[(name, "awk") for name in ("awk", "gawk", "mawk", "nawk", "original-awk")],
        *[(name, "R") for name in ("Rscript", "r")],
        ("jimsh", "jim"),
        ("ocaml", "ocaml"),
        ("ocamlrun", "ocamlrun"),
        ("escript", "erlang"),
        ("make", "make"),
        *[(name, "shell") for name in ("csh", "tcsh", "fish")],
    ],
)
def test_interpreters_are_recognised_by_their_names(name: str, language: str, tmp_path: Path) -> None:
    row = language_of(str(tmp_path / name), Sources())
    assert row is not None
    assert row.name == language
    link = tmp_path / "link"
    link.symlink_to(tmp_path / name)
    assert language_of(str(link), Sources()) == row


def test_each_row_has_a_reader() -> None:
    assert {row.name for row in LANGUAGES} >= INTERPRETED.keys()
    assert all(row.reader() for row in LANGUAGES)


@pytest.mark.parametrize(
    ("interpreter", "text", "executed"),
    [
        ("node", 'require("child_process"); exec("a | b x"); execSync(`c ${x}`); spawn("d", ["-c"])', "$ a b c d"),
        ("node", 'const p = require("child_process"), x = "a"; p.spawn(x); p.execFile("b")', "a b"),
        ("node", '/x/.exec("a")', ""),
        ("node", 'require("child_process")\n// exec("a")\n/* exec("b") */ x = /"/; exec("c") // exec("d")', "$ c"),
        ("tclsh", 'exec a -x | b\nset x [exec c]\nopen "|d e" r\n# exec f\nputs exec', "a b c d"),
        ("tclsh", "exec echo x", "echo"),
        ("lua", "os.execute('echo x')", "$"),
        ("expect", 'spawn -noecho a b\neval spawn c $x\nif {1} { spawn "d" }\nsend "spawn e"', "a c"),
        ("lua", "os.execute('a')\nio.popen(\"b x | c\")\n-- os.execute('d')\n--[[ os.execute('e')\n]]", "$ a b c"),
        ("lua", 'local x = "a y"; os.execute(x)', "$ a"),
        (
            "php",
            "<p>it's\n<?php exec('a x'); $p = popen(\"b\", 'r'); $x = `c $y`; // exec('d')\n# exec('e')",
            "$ a b c",
        ),
        ("php", "<?php $c = 'a'; system($c); new Process(['b', 'x']); /* exec('d') */ ?> exec('e') <?php", "$ a b"),
        (
            "guile",
            '(system "a x") ;(system "b")\n(system* "c" "d")\n#| (system "e") |#(open-pipe* OPEN_READ "f")',
            "$ a c f",
        ),
        ("awk", 'BEGIN { "a x" | getline; system("b"); print | "c"; x = "d"; system(x) } # system("e")', "$ a b c d"),
        ("Rscript", "system('a x')\nx <- \"b\"\nsystem2(x)\n# system('c')\npipe('d')", "$ a b d"),
        ("ocaml", 'let _ = Sys.command "a x" (* Sys.command "b" *)', "$ a"),
        ("escript", 'main(_) -> os:cmd("a x"), open_port({spawn_executable, "b"}, []). % os:cmd("c")', "$ a b"),
        ("make", "x = $(shell a)\nall:\n\t@b x\n\t-c\n#\td\n", "$ a b c"),
        ("tcsh", "set x = y\nif ( $x == y ) then\n  a x\nendif\nforeach i ( 1 2 )\n  b\nend", "a b"),
    ],
)
def test_programs_that_constants_name_are_executed(interpreter: str, text: str, executed: str, host: Path) -> None:
    script = write(host / "script", text)
    assert programs(read(host / "bin" / interpreter, script), host) == executed


def test_bytecode_of_ocaml_is_not_read(host: Path) -> None:
    tree(host, "usr/lib/ocaml/ld.conf", "usr/lib/ocaml/stublibs/x.so", "usr/lib/ocaml/stdlib.cma")
    script = host / "main"
    with script.open("wb") as file:
        file.truncate(MAX_SOURCE + 1)
    assert read(host / "usr/bin/ocamlrun", script) == ScriptNeeds(warnings=[])
    library = INTERPRETED["ocamlrun"].library(str(host / "usr/bin/ocamlrun"), Sources())
    assert files(library, host) == ["usr/lib/ocaml/ld.conf", "usr/lib/ocaml/stublibs"]


def test_data_and_programs_have_reasons(host: Path) -> None:
    script = write(
        host / "script", 'os.execute("a"); io.open("/etc/os-release"); io.open("/etc/passwd"); x = "/dev/null"'
    )
    needs = read(host / "bin/lua", script)
    assert [f"{each.path}: {each.because}" for each in (*needs.files, *needs.programs)] == [
        f"/etc/os-release: named by {script}",
        f"{host}/path/a: executed by {script}",
        f"/bin/sh: executed by {script}",
    ]


def manifest(path: Path, **description: object) -> None:
    write(path / "package.json", json.dumps(description))


def test_node_packages_are_found_up_the_tree_whole_with_what_they_depend_on(host: Path) -> None:
    app = host / "app"
    write(app / "bin/main.js", "require('../lib/x'); import y from 'one'; import('@s/two/sub'); require('missing')")
    (host / "bin").mkdir()
    (host / "bin/main").symlink_to("../app/bin/main.js")
    write(app / "lib/x.js", "const z = require('./data.json'), t = require('three')")
    manifest(app, dependencies={"declared": "1"}, devDependencies={"dev": "1"})
    modules = app / "node_modules"
    tree(modules, "dev/index.js", "three.js", "declared/index.js", "one/data/x", "unused/index.js", ".bin/x")
    manifest(modules / "declared")
    write(modules / "one/lib/main.js", "require('inner'); require('fs'); require('child_process').exec('a')")
    manifest(modules / "one", main="lib/main", dependencies={"four": "1"}, peerDependencies={"five": "1"})
    tree(modules, "one/node_modules/four/index.js", "five/index.js", "four/index.js", "inner/index.js", "fs/index.js")
    write(modules / "@s/two/dist/sub.mjs", "export * from 'six'")
    manifest(modules / "@s/two", exports={".": "./no.js", "./*": {"types": "./t.d.ts", "import": "./dist/*.mjs"}})
    tree(host, "node_modules/six/index.js")
    needs = read(host / "bin/node", host / "bin/main")
    assert files(needs, host) == [
        "app/bin", "app/lib", "app/node_modules/@s/two", "app/node_modules/declared", "app/node_modules/five",
        "app/node_modules/inner", "app/node_modules/one", "app/node_modules/three.js", "app/package.json",
        "node_modules/six",
    ]  # fmt: skip
    assert programs(needs, host) == "$ a"
    assert files(read(host / "bin/node", host / "bin/main", whole=True), host)[-3:] == [
        "app/node_modules", "app/package.json", "node_modules",
    ]  # fmt: skip


def test_a_node_script_of_no_package_needs_the_files_that_it_imports(host: Path) -> None:
    script = write(
        host / "x/main.mjs", "import a from './a.js'; import d from './d'; new URL('t.txt', import.meta.url)"
    )
    tree(host / "x", "a.js", "b.js", "d/index.js", "t.txt", "c/x")
    needs = read(host / "bin/node", script)
    assert files(needs, host) == ["x/a.js", "x/d/index.js", "x/t.txt"]


def test_packages_of_the_system_are_found_beside_the_interpreter(host: Path) -> None:
    tree(host, "usr/bin/node", "usr/share/nodejs/one/index.js", "usr/lib/x86_64-linux-gnu/nodejs/two/index.js")
    tree(host, "usr/share/nodejs/undici/index.js")
    script = write(host / "x/main", "require('one'); require('two')")
    needs = read(host / "usr/bin/node", script)
    assert files(needs, host) == ["usr/lib/x86_64-linux-gnu/nodejs/two", "usr/share/nodejs/one"]
    library = INTERPRETED["node"].library(str(host / "usr/bin/node"), Sources())
    assert files(library, host) == ["usr/share/nodejs/undici"]


@pytest.mark.parametrize(
    ("name", "interpreter", "present", "needed"),
    [
        ("tcl", "usr/bin/tclsh8.6", ["usr/share/tcltk/tcl8.6/init.tcl", "usr/lib/other/x"], ["usr/share/tcltk/tcl8.6"]),
        ("tcl", "usr/local/bin/tclsh8.6", ["usr/local/lib/tcl8.6/init.tcl", "usr/local/lib/tcl8/8.6/http-2.tm"],
         ["usr/local/lib/tcl8", "usr/local/lib/tcl8.6"]),
        ("tk", "usr/bin/wish", ["usr/share/tcl8.6/init.tcl", "usr/share/tk8.6/tk.tcl", "usr/lib64/tcl8.6/x"],
         ["usr/lib64/tcl8.6", "usr/share/tcl8.6", "usr/share/tk8.6"]),
        ("lua", "usr/bin/lua5.4", ["usr/share/lua/5.4/x.lua"], []),
        ("guile", "usr/bin/guile", ["usr/share/guile/3.0/ice-9/q.scm", "usr/lib/x86_64-linux-gnu/guile/3.0/ccache/x",
         "usr/lib/x86_64-linux-gnu/guile/3.0/site-ccache/x", "usr/share/guile/site/3.0/x.scm"],
         ["usr/lib/x86_64-linux-gnu/guile/3.0/ccache", "usr/share/guile/3.0"]),
        ("R", "usr/bin/Rscript", ["usr/lib64/R/library/base/x", "usr/lib64/R/bin/R", "usr/lib64/R/site-library/x/y",
         "usr/share/R/share/x", "usr/share/R/library/x/y"],
         ["usr/lib64/R/bin", "usr/lib64/R/library", "usr/share/R/share"]),
        ("erlang", "opt/erlang/bin/escript", ["opt/erlang/erts-1/bin/erlexec", "opt/erlang/lib/x"],
         ["opt/erlang"]),
        ("ocaml", "usr/bin/ocaml", ["usr/lib64/ocaml/stdlib.cma"], ["usr/lib64/ocaml"]),
    ],
)  # fmt: skip
def test_the_library_is_found_from_the_interpreter(
    name: str, interpreter: str, present: list[str], needed: list[str], host: Path
) -> None:
    tree(host, interpreter, *present)
    library = INTERPRETED[name].library(str(host / interpreter), Sources())
    assert (files(library, host), library.warnings) == (needed, [])


@pytest.mark.parametrize("name", ["tcl", "tk", "guile", "R", "ocaml", "erlang"])
def test_a_library_that_is_not_found_is_a_warning(name: str, host: Path) -> None:
    warnings = INTERPRETED[name].library(str(host / "bin/x"), Sources()).warnings
    assert warnings == [f"the library of {host}/bin/x is not found"]


def test_php_has_the_modules_that_its_settings_load(host: Path) -> None:
    write(host / "usr/local/etc/php/php.ini", "; extension=no\nextension = one\ninclude_path=.:/nowhere\n")
    write(host / "usr/local/etc/php/conf.d/a.ini", 'zend_extension="two.so"\n')
    modules = host / "usr/local/lib/php/extensions/no-debug-non-zts-20220829"
    tree(modules, "one.so", "two.so", "three.so", "no.so")
    write(host / "usr/local/etc/php/conf.d/b.ini", f"extension={modules}/three.so")
    tree(host, "usr/local/bin/php")
    library = INTERPRETED["php"].library(str(host / "usr/local/bin/php"), Sources())
    assert files(library, host / "usr/local") == [
        "etc/php/conf.d/a.ini", "etc/php/conf.d/b.ini", "etc/php/php.ini",
        *(f"lib/php/extensions/no-debug-non-zts-20220829/{name}.so" for name in ("one", "three", "two")),
    ]  # fmt: skip


@pytest.mark.parametrize("embedded", ["", "/usr/share/zoneinfo"])
def test_php_without_time_zones_of_its_own_has_those_of_the_system(embedded: str, host: Path) -> None:
    write(host / "bin/php", f"x{embedded}x")
    paths = {each.path for each in INTERPRETED["php"].library(str(host / "bin/php"), Sources()).files}
    assert ("/usr/share/zoneinfo" in paths) == bool(embedded and Path(embedded).is_dir())


def test_php_files_are_found_beside_what_includes_them_and_in_include_path(host: Path) -> None:
    tree(host, "usr/bin/php", "usr/share/php/A/B/x.php", "usr/share/php/other.php", "app/lib/y.php", "app/lib/z.php")
    write(host / "usr/share/php/A/B/autoload.php", "<?php require_once __DIR__ . '/../C/autoload.php';")
    write(host / "usr/share/php/A/C/autoload.php", "<?php include('other.php');")
    script = write(
        host / "app/main", "<?php require 'A/B/autoload.php'; include_once __DIR__.'/lib/y.php'; include 'no.php';"
    )
    assert files(read(host / "usr/bin/php", script), host) == [
        "app/lib/y.php", "usr/share/php/A/B", "usr/share/php/A/C", "usr/share/php/other.php",
    ]  # fmt: skip


def test_a_project_of_composer_is_needed_whole(host: Path) -> None:
    tree(host / "app", "composer.json", "src/A.php", "vendor/autoload.php", ".git/x", "templates/x")
    script = write(host / "app/bin/tool", "<?php require __DIR__ . '/../vendor/autoload.php';")
    assert files(read(host / "bin/php", script), host / "app") == ["bin", "composer.json", "src", "templates", "vendor"]


def test_lua_modules_are_those_of_the_version(host: Path) -> None:
    write(host / "usr/share/lua/5.4/one.lua", "require 'four'")
    tree(host, "usr/bin/lua5.4", "usr/share/lua/5.4/one/part.lua", "usr/share/lua/5.4/two/init.lua")
    tree(host, "usr/lib/x86_64-linux-gnu/lua/5.4/three/core.so", "usr/share/lua/5.3/one.lua", "opt/x/four/a.lua")
    tree(host, "opt/x/four.lua", "usr/share/lua/5.4/unused.lua")
    text = f"package.path = '{host}/opt/x/?.lua;' .. package.path; require 'one', require('two'), pcall(require, 'no')"
    script = write(host / "main", f"{text} require\"three.core\" -- require 'unused'")
    assert files(read(host / "usr/bin/lua5.4", script), host) == [
        "opt/x/four", "opt/x/four.lua", "usr/lib/x86_64-linux-gnu/lua/5.4/three", "usr/share/lua/5.4/one",
        "usr/share/lua/5.4/one.lua", "usr/share/lua/5.4/two",
    ]  # fmt: skip


def test_lua_any_has_the_interpreters_and_the_modules_of_all_versions(host: Path) -> None:
    tree(
        host,
        "usr/bin/lua-any",
        "usr/bin/lua5.3",
        "usr/bin/lua5.4",
        "usr/share/lua/5.3/a.lua",
        "usr/share/lua/5.4/a.lua",
    )
    library = INTERPRETED["lua-any"].library(str(host / "usr/bin/lua-any"), Sources())
    assert [each.path for each in library.programs] == [f"{host}/usr/bin/lua5.3", f"{host}/usr/bin/lua5.4"]
    needs = read(host / "usr/bin/lua-any", write(host / "main", "require 'a'"))
    assert files(needs, host) == ["usr/share/lua/5.3/a.lua", "usr/share/lua/5.4/a.lua"]


def test_tcl_packages_are_found_by_their_indexes(host: Path) -> None:
    share, lib = host / "usr/share/tcltk", host / "usr/lib/tcltk/x86_64-linux-gnu"
    tree(host, "usr/bin/tclsh8.6", "usr/lib/x86_64-linux-gnu/libtk8.6.so", "usr/share/tcltk/tk8.6/tk.tcl")
    write(share / "all1.2/pkgIndex.tcl", "lappend ::auto_path $dir\npackage ifneeded no 1")
    write(share / "all1.2/one/pkgIndex.tcl", "package ifneeded one 1.0 [list source [file join $dir one.tcl]]")
    write(share / "all1.2/one/one.tcl", "package require a::two")
    write(share / "all1.2/unused/pkgIndex.tcl", "package ifneeded unused 1.0 {}")
    write(lib / "two/pkgIndex.tcl", "package ifneeded a::two 1 [list load [file join $dir libtwo.so]]")
    write(lib / "tk8.6/pkgIndex.tcl", "package ifneeded Tk 8.6 [list load [file join /x libtk8.6.so]]")
    tree(share, "tcl8/8.6/mod-1.2.tm")
    script = write(host / "bin/main", "package require one\npackage require -exact mod 1\nsource [file join $d x.tcl]")
    tree(host, "bin/x.tcl", "bin/y.tcl")
    assert files(read(host / "usr/bin/tclsh8.6", script), host) == [
        "bin/x.tcl", "usr/lib/tcltk/x86_64-linux-gnu/two", "usr/share/tcltk/all1.2/one",
        "usr/share/tcltk/all1.2/pkgIndex.tcl", "usr/share/tcltk/all1.2/unused/pkgIndex.tcl",
        "usr/share/tcltk/tcl8/8.6/mod-1.2.tm",
    ]  # fmt: skip
    script.write_text("# package require one\npackage require Tk")
    assert files(read(host / "usr/bin/tclsh8.6", script), host) == [
        "usr/lib/tcltk/x86_64-linux-gnu/tk8.6", "usr/lib/x86_64-linux-gnu/libtk8.6.so", "usr/share/tcltk/tk8.6",
    ]  # fmt: skip


def test_guile_modules_of_the_site_are_needed_with_what_they_are_compiled_to(host: Path) -> None:
    tree(host, "usr/bin/guile", "usr/share/guile/site/3.0/one/two.scm", "usr/share/guile/site/3.0/other.scm")
    tree(host, "usr/lib/x86_64-linux-gnu/guile/3.0/site-ccache/one/two.go", "opt/x/three.scm")
    script = write(host / "main", "(use-modules ((one two) #:select (x)) (ice-9 match)) ; (other)\n(import (three))")
    assert files(read(host / "usr/bin/guile", script, arguments=("-L", f"{host}/opt/x", "-s")), host) == [
        "opt/x/three.scm", "usr/lib/x86_64-linux-gnu/guile/3.0/site-ccache/one", "usr/share/guile/site/3.0/one",
    ]  # fmt: skip


def test_r_packages_are_needed_with_those_of_their_description(host: Path) -> None:
    site = host / "usr/lib/R/site-library"
    write(
        site / "one/DESCRIPTION",
        "Package: one\nDepends: R (>= 3), two\nImports: three (>= 1),\n  utils\nSuggests: no\n",
    )
    for name in ("two", "three", "four", "no", "unused"):
        write(site / name / "DESCRIPTION")
    tree(host, "usr/bin/Rscript", "usr/lib/R/library/utils/DESCRIPTION")
    script = write(host / "main", "library(one); # library(unused)\nfour::f(); require('missing')")
    assert files(read(host / "usr/bin/Rscript", script), host / "usr/lib/R") == [
        "library/utils", "site-library/four", "site-library/one", "site-library/three", "site-library/two",
    ]  # fmt: skip


def test_gawk_includes_and_loads_files(host: Path) -> None:
    tree(host, "usr/bin/gawk", "usr/share/awk/one.awk", "usr/lib/x86_64-linux-gnu/gawk/two.so", "usr/share/awk/no.awk")
    tree(host, "usr/share/awk/inplace.awk")
    script = write(host / "main", '@include "one"\n@load "two"\n# @include "no"')
    assert files(read(host / "usr/bin/gawk", script, arguments=("-i", "inplace", "-f")), host) == [
        "usr/lib/x86_64-linux-gnu/gawk/two.so", "usr/share/awk/inplace.awk", "usr/share/awk/one.awk",
    ]  # fmt: skip


HOSTILE: list[Callable[[int], str]] = [
    lambda size: '"' * size,
    lambda size: '"\\' * (size // 2),
    lambda size: "'\\" * (size // 2),
    lambda size: "`\\" * (size // 2),
    lambda size: "(" * size,
    lambda size: "require('" * (size // 9),
    lambda size: 'exec("\\' * (size // 7),
    lambda size: "/*" * (size // 2),
    lambda size: "--[==[" * (size // 6),
    lambda size: "--[" + "=" * size,
    lambda size: "`${" * (size // 3),
    lambda size: "exec " * (size // 5),
    lambda size: "x = " * (size // 4),
    lambda size: "\0\udcff" * (size // 2),
    lambda size: "require" + " " * size,
    lambda size: "(a " * (size // 3),
    lambda size: "/usr/" * (size // 5),
    lambda size: "load " * (size // 5),
    lambda size: "source " * (size // 7),
    lambda size: "[file dirname [info script]]" * (size // 28),
    lambda size: "$(shell " * (size // 8),
    lambda size: "<?php " * (size // 6),
    lambda size: "\n" * size,
]


@pytest.mark.parametrize("name", sorted(name for name, each in INTERPRETED.items() if each.syntax))
@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_the_cost_of_a_source_file_is_linear(name: str, number: int) -> None:
    syntax = INTERPRETED[name].syntax
    assert syntax is not None
    start = time.process_time()
    mentions(HOSTILE[number](30_000), syntax)
    assert time.process_time() - start < 1.5  # seconds: where the cost is quadratic it is five or more


def test_what_cannot_be_read_is_left_unread_with_a_warning(host: Path) -> None:
    script = host / "main"
    with script.open("wb") as file:
        file.truncate(MAX_SOURCE + 1)
    assert read(host / "bin/node", script).warnings == [f"{script} is not read for what it needs: has more than 4 MiB"]
    manifest(host / "app")
    write(host / "app/package.json", "[" * 100_000)
    assert read(host / "bin/node", write(host / "app/x.js")).warnings == [
        f"{host}/app/package.json is not read for what it needs: is not JSON"
    ]


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ('# \\\nexec tclsh "$0" ${1+"$@"}\na; b', ["script tclsh"]),
        ('exec node --x {host}/other "$@"', ["other node"]),
        ("lua {host}/other; a", ["other lua"]),
        ("sh -e {host}/other", ["other sh"]),
        ("node -e 1 {host}/other; sh -c a {host}/other; awk 1 {host}/other; busybox sh {host}/other", []),
        ("awk -f {host}/other {host}/script", ["other awk"]),
    ],
)
def test_a_script_that_a_shell_gives_to_an_interpreter_is_read(text: str, given: list[str], host: Path) -> None:
    for name in ("tclsh", "node", "lua", "sh", "awk", "busybox"):
        write(host / "path" / name).chmod(0o755)
    write(host / "other")
    script = write(host / "script", text.replace("{host}", str(host)))
    needs = read(host / "bin/sh", script)
    assert [f"{Path(each.path).name} {Path(each.interpreter).name}" for each in needs.scripts] == given
    assert {each.path for each in needs.scripts} <= {each.path for each in needs.files}
    if given == ["script tclsh"]:
        assert programs(needs, host) == "tclsh"
