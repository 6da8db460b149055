"""`--root DIR`: a system of another architecture, whose links lead to its own files although they are absolute."""

import json
import os
from pathlib import Path

import pytest

from support.elf_files import AARCH64, make_elf
from support.run_magicpak import RunResult, done, executable, magicpak, magicpak_as_nobody, names, tree

HELP_HINT = "hint: magicpak --help lists all options\n"
NOT_ASKED = "cannot be used with --root: no loader of another tree is run, but emulated (static)"
LOADER = "/lib/ld-linux-aarch64.so.1"
# What is looked for in a glibc: its versions, its default directories in one run, and its files.
INSIDE = b"GLIBC_2.17\0/lib/aarch64-linux-gnu/\0/usr/lib/aarch64-linux-gnu/\0/etc/ld.so.cache\0/etc/ld.so.preload\0"
LIBRARIES = "usr/lib/aarch64-linux-gnu"
APP = [
    "bin -> /usr/bin",
    "lib -> /usr/lib",
    "usr/",
    "usr/bin/",
    "usr/bin/app",
    "usr/lib/",
    "usr/lib/aarch64-linux-gnu/",
    "usr/lib/aarch64-linux-gnu/liba.so.1 -> liba.so.1.2",
    "usr/lib/aarch64-linux-gnu/liba.so.1.2",
    "usr/lib/ld-linux-aarch64.so.1 -> /lib/ld.so",
    "usr/lib/ld.so",
]


@pytest.fixture
def root(here: Path) -> Path:
    """A tree, and beside it a file that no link of the tree may lead to."""
    root = here / "tree"
    executable(root / "usr/lib/ld.so", make_elf(kind=AARCH64, code=INSIDE))
    executable(root / LIBRARIES / "liba.so.1.2", make_elf(kind=AARCH64, soname="liba.so.1"))
    executable(root / "usr/bin/app", make_elf(kind=AARCH64, interpreter=LOADER, needed=["liba.so.1"]))
    (root / "bin").symlink_to("/usr/bin")
    (root / "lib").symlink_to("/usr/lib")
    (root / "usr/lib/ld-linux-aarch64.so.1").symlink_to("/lib/ld.so")
    (root / LIBRARIES / "liba.so.1").symlink_to("liba.so.1.2")
    (root / "etc").mkdir()
    (here / "outside").mkdir()
    (here / "outside/file").write_text("outside\n")
    return root


def bundled(root: Path, *words: str, stderr: str = "") -> list[str]:
    """Bundle what `words` say of the tree; return what is in the bundle."""
    done("--root=tree", "--no-hints", *words, "out", cwd=root.parent, stderr=stderr)
    return names(root.parent / "out")


@pytest.mark.parametrize(
    ("given", "expected"),
    [("/bin/app", APP), ("bin/app", APP), ("./bin//app", APP), ("/../bin/app", APP[1:]), ("bin/../bin/app", APP[1:])],
)
def test_an_input_is_a_path_inside_with_its_libraries_there(root: Path, given: str, expected: list[str]) -> None:
    assert bundled(root, given) == expected
    for name, node in tree(root.parent / "out").items():
        if node.kind != "directory":
            assert node == tree(root)[name]


@pytest.mark.parametrize("relative", [False, True])
def test_an_input_by_its_path_on_the_host_is_none_and_the_hint_has_that_inside(root: Path, *, relative: bool) -> None:
    (root.parent / "link").symlink_to(root)
    given = "link/usr/bin/app" if relative else f"{root.parent}/link/usr/bin/app"
    assert magicpak("--root", root, given, "out", cwd=root.parent) == RunResult(
        4,
        "",
        f"error: {given} cannot be read: No such file or directory\n"
        "hint: with --root, INPUT is a path inside the tree: /usr/bin/app\n",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dynamic"], "--dynamic cannot be used with --root: no program of another tree is run"),
        (["--test"], "--test cannot be used with --root: no program of another tree is run"),
        (["--resolver=dlopen"], f"--resolver dlopen {NOT_ASKED}"),
        (["--resolver=noload"], f"--resolver noload {NOT_ASKED}"),
        (["--experimental-noload-resolver"], f"--resolver noload {NOT_ASKED}"),
        (["--check=."], "--root cannot be used with --check"),
    ],
)
def test_what_would_run_something_of_the_tree_is_refused(root: Path, words: list[str], said: str) -> None:
    result = magicpak("--root=tree", *words, "/bin/app", "out", cwd=root.parent)
    assert result == RunResult(2, "", f"error: {said}\n{HELP_HINT}")


def test_a_root_is_a_directory_and_the_hosts_own_is_as_none(root: Path) -> None:
    for name, why in (("none", "does not exist"), ("outside/file", "is not a directory")):
        result = magicpak("--root", name, "/bin/app", "out", cwd=root.parent)
        assert result == RunResult(2, "", f"error: --root {name} {why}\n")
    done("--root=/", "--resolver=static", "--no-hints", "/bin/true", "host", cwd=root.parent)
    done("--resolver=static", "--no-hints", "/bin/true", "without", cwd=root.parent)
    assert tree(root.parent / "host") == tree(root.parent / "without")


def leading_out(root: Path) -> None:
    """Add links to what is outside, each in another way, and to the tree's own files by paths that exist outside."""
    out = root.parent / "outside"
    data = root / "opt/data"
    data.mkdir(parents=True)
    for name, target in {
        "absolute": str(out),
        "file": f"{out}/file",
        "above": f"../../../../../../../../../..{out}",
        "tree": f"../../../{out.name}",
        "self": "../data",
        "loop": "loop",
    }.items():
        (data / name).symlink_to(target)
    for name in ("etc/ld.so.preload", "etc/ld.so.cache", "etc/passwd"):
        (root / name).symlink_to(out / "file")
    (root / "usr/share").symlink_to(out)


@pytest.mark.parametrize("layout", ["host", "directories"])
def test_no_link_leads_out(root: Path, layout: str) -> None:
    leading_out(root)
    patterns = ["/opt", "/etc", "/usr/share", "/opt/data/absolute/*", "/*/*/*/file", "/opt/data/tree/*", "/opt/**/file"]
    options = [f"--include={pattern}" for pattern in patterns]
    done(
        "--root=tree",
        "--no-hints",
        "--log-level=error",
        f"--layout={layout}",
        *options,
        "bin/app",
        "out",
        cwd=root.parent,
    )
    inside = {node.what for node in tree(root).values() if node.kind == "file"}
    bundle = tree(root.parent / "out")
    assert {node.what for node in bundle.values() if node.kind == "file"} == inside
    assert bundle["opt/data/tree"].what == "../../../outside"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/opt/data/file", ["file"]),
        ("/opt/data/absolute/*", []),
        ("/opt/data/tree/file", []),
        ("/opt/*/above/file", []),
        ("/opt/*/self/abov?", ["above", "self"]),
        ("opt/**/tr*", ["tree"]),
    ],
)
def test_a_pattern_matches_inside(root: Path, pattern: str, found: list[str]) -> None:
    leading_out(root)
    warning = "" if found else f"warning: --include {pattern} matches nothing\n"
    links = [each for each in found if each != "self"]
    dangling = "".join(
        f"warning: dangling link: /opt/data/{name} -> {os.readlink(root / 'opt/data' / name)}\n" for name in links
    )
    paths = bundled(root, f"--include={pattern}", "bin/app", stderr=warning + dangling)
    assert [path.split()[0] for path in paths if "opt/data/" in path][1:] == [f"opt/data/{name}" for name in found]


@pytest.mark.parametrize("name", ["certs", "users", "tz", "nss", "package", "locale", "terminfo"])
def test_names_find_nothing_through_links_that_lead_out(root: Path, name: str) -> None:
    """The host has what each stands for."""
    for above, each in (("usr", "share"), ("var/lib", "dpkg"), ("etc", "ssl"), ("etc", "passwd"), ("etc", "terminfo")):
        (root / above).mkdir(parents=True, exist_ok=True)
        (root / above / each).symlink_to(os.path.relpath(f"/{above}/{each}", f"{root}/{above}"))
    result = magicpak("--root=tree", f"--with={name}", "bin/app", "out", cwd=root.parent)
    assert (result.code, result.stderr.splitlines()[0]) == (1, f"error: --with {name} finds nothing on this host")


def test_libraries_are_found_by_files_and_variables_of_the_inside(root: Path) -> None:
    for name in ("one", "two"):
        executable(root / f"opt/{name}/lib{name}.so", make_elf(kind=AARCH64, soname=f"lib{name}.so"))
    (root / "preloaded").symlink_to("/opt/one")
    (root / "etc/ld.so.preload").write_text("/preloaded/libone.so\n")
    executable(root / "usr/bin/app", make_elf(kind=AARCH64, interpreter=LOADER, needed=["libtwo.so"]))
    said = magicpak("--root=tree", "/bin/app", "out", cwd=root.parent)
    assert said.code == 3
    assert "hint: libtwo.so: found in /opt/two: add it to LD_LIBRARY_PATH" in said.stderr
    made = "created /etc/ld.so.cache so that the loader finds the same libraries as on the host"
    done(
        *("--root=tree", "/bin/app", "out"),
        cwd=root.parent,
        env={"LD_LIBRARY_PATH": "/opt/two"},
        stderr=f"warning: {made}; copied onto a base image, it replaces the image's own\n",
    )
    found = names(root.parent / "out")
    assert {"opt/one/libone.so", "opt/two/libtwo.so", "preloaded -> /opt/one", "etc/ld.so.preload"} <= {*found}


def test_a_script_gets_what_path_has_inside(root: Path) -> None:
    for name in ("env", "tool"):
        executable(root / "usr/bin" / name, make_elf(kind=AARCH64, interpreter=LOADER))
    executable(root / "usr/bin/own", b"#!/bin/env tool\n")
    executable(root / "usr/bin/other", b"#!/bin/env only-outside\n")
    executable(root.parent / "outside/only-outside", b"")
    env = {"PATH": f"{root.parent}/outside:/bin"}
    done("--root=tree", "/bin/own", "out", cwd=root.parent, env=env)
    assert {"usr/bin/env", "usr/bin/own", "usr/bin/tool"} <= {*names(root.parent / "out")}
    refused = magicpak("--root=tree", "/bin/other", "no", cwd=root.parent, env=env)
    assert (refused.code, "'only-outside' is not installed" in refused.stderr) == (4, True)


def test_reports_have_sources_on_the_host_and_packages_of_the_inside(root: Path) -> None:
    (root / "var/lib/dpkg.real/info").mkdir(parents=True)
    (root / "var/lib/dpkg").symlink_to("/var/lib/dpkg.real")
    (root / "var/lib/dpkg.real/info/app.list").write_text("/usr/bin/app\n")
    status = "Package: app\nStatus: install ok installed\nVersion: 1\nArchitecture: arm64\n"
    (root / "var/lib/dpkg.real/status").write_text(status)
    result = magicpak("--root=tree", "--report=json", "--dry-run", "--install-to=/x", "/bin/app", cwd=root.parent)
    report = json.loads(result.stdout)
    (entry,) = [each for each in report["entries"] if each["path"] == "/x"]
    assert (result.stderr, entry["source"], entry["package"]) == ("", f"{root}/usr/bin/app", 0)
    assert ([each["name"] for each in report["packages"]], report["root"]) == (["app"], str(root))
    assert {each["asked_by"] for each in report["entries"] if "liba" in each["path"]} == {"/x"}
    for path in ("/usr/bin/app", f"{root}/usr/bin/app"):
        why = magicpak("--root=tree", f"--why={path}", "--dry-run", "--install-to=/x", "/bin/app", cwd=root.parent)
        assert why == RunResult(0, "/x (608 B): the executable to be bundled\n", "")
    page = magicpak("--root=tree", "--report=html", "--dry-run", "--install-to=/x", "/bin/app", cwd=root.parent)
    assert page.stdout.count(f" from {root}") == 1
    why = magicpak("--root=tree", "--why=/lib/ld.so", "--dry-run", "/bin/app", cwd=root.parent)
    assert "/usr/lib/ld.so (672 B): the interpreter (PT_INTERP) of /usr/bin/app\n" in why.stdout


def test_with_package_has_the_files_of_the_inside(root: Path) -> None:
    (root / "lib").unlink()
    (root / "lib").symlink_to("usr/lib")
    (root / "usr/lib/apk/db").mkdir(parents=True)
    (root / "usr/lib/apk/db/installed").write_text("P:app\nV:1\nA:aarch64\nF:usr/bin\nR:app\nF:etc\nR:app.conf\n")
    (root / "etc/app.conf").write_text("inside\n")
    assert "etc/app.conf" in bundled(root, "--with=package", "/bin/app")
    listed = magicpak("--root=tree", "--with-list", "--with=package", "/bin/app", cwd=root.parent)
    assert (listed.code, listed.stdout.split("  ")[1]) == (0, "1 file")


def test_users_are_those_of_the_inside(root: Path) -> None:
    (root / "etc/passwd").write_text("root:!:0:0::/root:/bin/sh\nnobody:!:7:7::/:/bin/false\nme:!:8:8::/:/bin/sh\n")
    bundled(root, "--with=users=me", "/bin/app")
    lines = (root.parent / "out/etc/passwd").read_text().splitlines()
    assert [line.split(":")[::2] for line in lines] == [["me", "8", "", "/bin/sh"]]


def test_output_below_the_root_is_not_included_itself(root: Path) -> None:
    done(
        "--root=tree",
        "--no-hints",
        "--include=/*",
        "--include=/new",
        "bin/app",
        "tree/new",
        cwd=root.parent,
        stderr="warning: --include /new matches nothing\n",
    )
    assert names(root / "new") == sorted([*APP, "etc/"])


def test_the_last_argument_of_a_dry_run_is_an_input_if_it_is_a_file_inside(root: Path) -> None:
    executable(root / "only-inside", make_elf(kind=AARCH64, interpreter=LOADER))
    result = magicpak("--root=tree", "--dry-run", "--report=list", "/bin/app", "/only-inside", cwd=root.parent)
    assert (result.code, "\n/only-inside\t" in result.stdout) == (0, True)


def test_an_image_is_for_the_architecture_of_the_inside(root: Path) -> None:
    done("--root=tree", "--no-hints", "/bin/app", "oci:image", cwd=root.parent)
    index = json.loads((root.parent / "image/index.json").read_text())
    assert [each["platform"]["architecture"] for each in index["manifests"]] == ["arm64"]


@pytest.mark.needs("root")
def test_an_ordinary_user_needs_nothing_but_to_read_it(root: Path, public: Path) -> None:
    os.rename(root, public / "tree")
    assert magicpak_as_nobody("--root=tree", "--no-hints", "/bin/app", "out", cwd=public) == RunResult(0, "", "")
    assert names(public / "out") == APP
    (public / "tree/etc").chmod(0o700)
    refused = magicpak_as_nobody("--root=tree", "--include=/etc", "/bin/app", "no", cwd=public)
    assert refused == RunResult(1, "", "error: cannot read /etc: Permission denied\n")
