"""What small made ELF files are taken to need, by what they import and by their strings."""

import struct
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from magicpak.elf.facts import ElfTarget
from magicpak.elf.image import PT_LOAD
from magicpak.elf.reader import read_path
from magicpak.files.view import HOST
from magicpak.ldso.closure import Closure
from magicpak.ldso.loader import Found, Loaded, Need, Rule
from magicpak.needs import named, strings
from magicpak.needs.rows import need_rows
from magicpak.needs.signs import NamedFiles, Sign, SignedProgram, is_match, read_signs
from magicpak.needs.strings import ElfContent
from magicpak.needs.suggest import Suggestion, suggestions
from support.bundle_with import BundleWith
from support.elf_files import AARCH64, I386, PPC, S390X, X86_64, Text, make_elf

TABLE = read_signs()
EVERYTHING = BundleWith()


def loaded(path: Path, name: str = "", rule: Rule = Rule.PROGRAM, at: str | None = None) -> Loaded:
    place = at or str(path)
    return Loaded(place, read_path(str(path)), Found(place, rule), name=name)


def program(
    directory: Path,
    imports: Sequence[Text] = (),
    texts: Sequence[str] = (),
    needed: Sequence[str] = (),
    libraries: Mapping[str, Sequence[str]] = {},
    kind: ElfTarget = X86_64,
) -> SignedProgram:
    """Return a program `app`; `libraries` are names in DT_NEEDED, in its own directory, and what each imports."""
    code = b"".join(b"\0" + text.encode() for text in texts) + b"\0"
    path = directory / "app"
    path.write_bytes(make_elf(kind=kind, imports=imports, code=code, needed=[*needed, *libraries]))
    app = loaded(path)
    objects = [app]
    for name, its in libraries.items():
        (directory / name).write_bytes(make_elf(kind=kind, imports=its))
        objects.append(loaded(directory / name, name))
        app.needs.append(Need(name, app, objects[-1], None))
    return SignedProgram("app", Closure(app, None, tuple(objects), ()))


def names(found: SignedProgram, **env: str) -> list[str]:
    return [each.value for each in suggestions([found], TABLE, env, EVERYTHING) if each.flag == "with"]


@pytest.mark.parametrize("kind", [X86_64, I386, AARCH64, S390X, PPC])
def test_what_is_imported_and_the_strings_are_read_on_every_machine(tmp_path: Path, kind: ElfTarget) -> None:
    (tmp_path / "app").write_bytes(
        make_elf(kind=kind, imports=["getaddrinfo", "malloc"], code=b"\0/etc/app\0LUA_INIT\0")
    )
    content = ElfContent(str(tmp_path / "app"))
    assert content.imports == {"getaddrinfo", "malloc"}
    assert [each for each in content.strings if each not in content.imports] == ["/etc/app", "LUA_INIT"]
    assert (content.has("/etc/a"), content.has("/etc/b")) == (True, False)


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n", b"\x7fELF", make_elf()[:100]])
def test_what_cannot_be_read_shows_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "app").write_bytes(data)
    content = ElfContent(str(tmp_path / "app"))
    assert (content.imports, list(content.strings)) == (frozenset(), [])
    assert ElfContent(str(tmp_path / "absent")).imports == frozenset()


def test_of_a_large_file_only_the_first_bytes_and_strings_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app").write_bytes(make_elf(code=b"\0".join(b"string%06d" % n for n in range(10_000))))
    monkeypatch.setattr(strings, "MAX_STRINGS", 100)
    assert len(ElfContent(str(tmp_path / "app")).strings) == 100
    monkeypatch.setattr(strings, "MAX_CONTENT", 4096)
    assert len(ElfContent(str(tmp_path / "app")).content) == 4096 + 2


SIGNS_OF_FILES = [each for each in TABLE.signs if not each.after]


@pytest.mark.parametrize("sign", SIGNS_OF_FILES, ids=lambda each: f"{each.name}: {each.words}")
def test_each_sign_of_the_table_suggests_its_name(tmp_path: Path, sign: Sign) -> None:
    libraries = [each.replace("*", "1").replace("?", "5") for each in (*sign.needed, *sign.loaded)][:1]
    texts = [*sign.strings[:1], *(each.replace("\0", "") for each in sign.bytes[:1])]
    app = program(
        tmp_path, [*sign.imports[:1], *sign.beside[:1]], texts, sign.needed and libraries, dict.fromkeys(libraries, ())
    )
    env = dict.fromkeys(sign.env[:1], "XX")
    assert (sign.name + ("=XX" if env else "")) in names(app, **env)


def test_each_sign_has_a_name_of_the_other_table() -> None:
    assert {each.name.partition("=")[0] for each in TABLE.signs} - set(need_rows()) == set()


@pytest.mark.parametrize("sign", SIGNS_OF_FILES, ids=lambda each: f"{each.name}: {each.words}")
def test_no_sign_of_the_table_shows_in_a_program_that_has_nothing(tmp_path: Path, sign: Sign) -> None:
    app = program(tmp_path, ["malloc", "printf", "setlocale", "localtime_r", "exit"], ["/usr/share/locale", "usage"])
    assert not (app.shows(sign) and not sign.env)


def test_all_keys_of_a_sign_must_hold(tmp_path: Path) -> None:
    sign = Sign("x", "does x", imports=["one", "two"], beside=["three"], strings=["sss"], bytes=["/y"], without=["no"])
    both, whole = ["two", "three"], ["sss", "a/yz"]
    assert program(tmp_path, both, whole).shows(sign)
    for imports, texts in (
        (["three"], whole),
        (["one"], whole),
        (both, ["a/yz"]),
        (both, ["ssss", "a/yz"]),
        (both, ["sss"]),
        (both, ["sss", "a/yz", "I know"]),
    ):
        assert not program(tmp_path, imports, texts).shows(sign)


def test_a_symbol_counts_in_libraries_that_only_the_program_has(tmp_path: Path) -> None:
    assert names(program(tmp_path, libraries={"libapp.so.1": ["getaddrinfo"]})) == ["nss"]


@pytest.mark.parametrize(("name", "found"), [("libother.so.1", []), ("libgit2.so.1.5", ["nss"])])
def test_in_a_library_of_the_system_it_counts_where_that_is_its_purpose(
    tmp_path: Path, name: str, found: list[str]
) -> None:
    (tmp_path / "app").write_bytes(make_elf(needed=[name]))
    (tmp_path / name).write_bytes(make_elf(imports=["getaddrinfo"]))
    app, library = loaded(tmp_path / "app"), loaded(tmp_path / name, name, Rule.CACHE)
    app.needs.append(Need(name, app, library, library.found))
    closure = Closure(app, None, (app, library), ())
    signed = SignedProgram("app", closure)
    assert len(signed.own) == 2  # for want of a library in a directory of the system
    signed.own.pop()
    assert names(signed) == found


def test_the_c_library_is_the_systems_wherever_it_is(tmp_path: Path) -> None:
    app = program(tmp_path, libraries={"libc.so.6": ["getaddrinfo"], "libbeside.so": ["getaddrinfo"]})
    assert (len(app.own), names(app)) == (1, [])


@pytest.mark.parametrize(
    ("env", "found"),
    [
        ({}, []),
        ({"TZ": "UTC", "LANG": "C.UTF-8"}, []),
        ({"TZ": "Europe/Rome"}, ["tz=Europe/Rome"]),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, []),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": ""}, ["locale=de_DE.UTF-8"]),
    ],
)
def test_what_the_environment_asks_for_is_suggested(tmp_path: Path, env: Mapping[str, str], found: list[str]) -> None:
    assert names(program(tmp_path, ["localtime", "setlocale"]), **env) == found


def test_a_terminal_needs_its_description_and_any_without_a_name(tmp_path: Path) -> None:
    app = program(tmp_path, ["tgetent"])
    assert (names(app), names(app, TERM="xterm"), names(app, TERM="dumb")) == (
        ["terminfo"],
        ["terminfo=xterm"],
        ["terminfo"],
    )


def test_of_an_interpreter_nothing_but_its_library_is_suggested(tmp_path: Path) -> None:
    imports = ["getaddrinfo", "tmpfile", "system", "execv"]
    app = program(tmp_path, imports, ["Py_BytesMain", "/etc/hostname", "/usr/bin/ssh"])
    found = suggestions([app], TABLE, {}, EVERYTHING)
    assert list(map(str, found)) == ["app is an interpreter of Python: --with python"]


def test_each_value_is_suggested_once_and_names_come_before_paths(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    data = tmp_path / "data"
    data.mkdir()
    one, two = program(tmp_path, ["getaddrinfo"], [str(data)]), program(tmp_path / "two", ["getaddrinfo", "popen"])
    table = TABLE._replace(named=TABLE.named._replace(below=[str(tmp_path)], common=[]))
    assert suggestions([one, two], table, {}, EVERYTHING) == [
        Suggestion("with", "nss", "app looks up host names"),
        Suggestion("with", "shell", "app runs commands of a shell"),
        Suggestion("include", str(data), f"app names {data}"),
    ]
    assert suggestions([one, two], table, {}, BundleWith("nss", str(data))) == [
        Suggestion("with", "shell", "app runs commands of a shell")
    ]


@pytest.fixture
def host(tmp_path: Path) -> NamedFiles:
    """Return a table for a directory that stands for /usr/share, with two packages in it, and common things."""
    for path in (
        "share/app/a",
        "share/app/b",
        "share/other/deep/x",
        "share/other/deep/y",
        "share/man/m",
        "share/private/k",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    for path in ("share/app.key", "share/app-secrets"):
        (tmp_path / path).touch()
    for name in ("helper-tool", "ssh", "sort", "gzip", "xz", "bzip2"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).touch(0o755)
    return TABLE.named._replace(below=[f"{tmp_path}/share"], common=[f"{tmp_path}/share/man"])


def files(directory: Path, table: NamedFiles, texts: Sequence[str], imports: Sequence[str] = ()) -> dict[str, str]:
    """Return the paths below `directory` that are suggested, and why."""
    app = program(directory, imports, [text.replace("@", str(directory)) for text in texts])
    found = named.named_files(app, table, {"PATH": f"{directory}/bin"})
    return {path.removeprefix(f"{directory}/"): words.replace(f"{directory}/", "") for path, words in found}


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["@/share/other/deep/x"], ["share/other/deep/x"]),
        (["@/share/other/deep/x", "@/share/other/deep/y", "@/share/other"], ["share/other"]),
        (["@/share/other/deep/x", "@/share/other/deep/y", "@/share/other/deep"], ["share/other"]),
        (["@/share/app/a"], ["share/app"]),
        (["@/share/other/%s/x"], ["share/other"]),
        (["@/share/other/deep/", "@/share/other//deep"], ["share/other/deep"]),
        (["@/share/app.key", "@/share/private/k", "@/share/app-secrets"], []),
        (["@/share", "@/share/", "@/share/man/m", "@/share/absent", "@/share/%s", "see @/share/other"], []),
    ],
)
def test_paths_of_data_are_suggested_and_the_directory_where_it_is_the_programs(
    tmp_path: Path, host: NamedFiles, texts: list[str], found: list[str]
) -> None:
    assert files(tmp_path, host, texts) == {path: f"names {path}" for path in found}


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["helper-tool", "ssh", "sort", "gzip"], ["helper-tool", "ssh"]),
        (["ssh %s true", "sort -u"], ["ssh"]),
        (["gzip", "xz", "bzip2 -d"], ["bzip2", "gzip", "xz"]),
        (["app-absent", "SSH"], []),
    ],
)
def test_names_of_programs_are_suggested_where_it_executes_some(
    tmp_path: Path, host: NamedFiles, texts: list[str], found: list[str]
) -> None:
    assert files(tmp_path, host, texts, ["execvp"]) == {f"bin/{name}": f"executes {name}" for name in found}
    assert files(tmp_path, host, texts) == {}


def test_the_name_of_a_function_is_no_program(tmp_path: Path, host: NamedFiles) -> None:
    assert files(tmp_path, host, ["ssh"], ["execvp", "ssh"]) == {}


def test_libraries_that_dlopen_may_load_are_looked_for_beside_those_that_are_loaded(tmp_path: Path) -> None:
    (tmp_path / "libplugin.so.2").touch()
    texts = ["libplugin.so.2", "libabsent.so.1", "libapp.so.1"]
    for imports, found in ((["dlopen"], [f"{tmp_path}/libplugin.so.2"]), ([], [])):
        app = program(tmp_path, imports, texts, libraries={"libapp.so.1": ()})
        assert [each.path for each in named.named_files(app, TABLE.named, {})] == found


@pytest.mark.parametrize(
    ("name", "pattern", "is_one"),
    [
        ("/etc/hosts", "/etc/host*", True),
        ("/etc/host", "/etc/host*", True),
        ("/etc/hos", "/etc/host*", False),
        ("/etc/hosts", "/etc/hosts", True),
        ("/etc/hosts.allow", "/etc/hosts", False),
        ("libGLESv2.so.2", "libGLES*.so.*", True),
        ("libGLES.so", "libGLES*.so.*", False),
        ("aa", "a*a", True),
        ("a", "a*a", False),
        ("abab", "a*b*b", True),
        ("ab", "a*b*b", False),
        ("/my/password", "*passw*", True),
        ("/my/paswd", "*passw*", False),
        ("libQt5Gui.so.5", "libQt?Gui.so.*", True),
        ("libQtGui.so.5", "libQt?Gui.so.*", False),
        ("lib5", "lib[45]", True),
        ("a\nb", "a*b", True),
    ],
)
def test_a_name_matches_as_with_fnmatch(name: str, pattern: str, *, is_one: bool) -> None:
    assert is_match(name, pattern) is fnmatchcase(name, pattern) is is_one


@pytest.mark.parametrize(("kind", "order"), [(X86_64, "<"), (S390X, ">"), (I386, "<"), (PPC, ">")])
def test_code_is_not_searched_where_constants_have_a_segment(tmp_path: Path, kind: ElfTarget, order: str) -> None:
    elf = make_elf(kind=kind, code=b"\0LUA_INIT\0")
    size = 56 if kind.bits == 64 else 32
    at = 4 if kind.bits == 64 else 24
    first = 64 if kind.bits == 64 else 52
    headers = range(first, first + 4 * size, size)
    second = [start for start in headers if struct.unpack_from(order + "I", elf, start)[0] == PT_LOAD][1]
    changed = bytearray(elf)
    struct.pack_into(order + "I", changed, second + at, 4)  # PF_R alone
    (tmp_path / "mixed").write_bytes(elf)
    (tmp_path / "apart").write_bytes(changed)
    assert [ElfContent(str(tmp_path / name)).has("LUA_INIT") for name in ("mixed", "apart")] == [True, False]


def test_a_directory_that_is_in_the_path_twice_is_as_it_comes_first(tmp_path: Path) -> None:
    for name in ("one/tool-a", "one/tool-b", "two/tool-b"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "link").symlink_to("one")
    one, two, link = (str(tmp_path / name) for name in ("one", "two", "link"))
    found = named._programs_of(f"{one}:{two}::{link}", HOST)
    assert found == {"tool-a": one, "tool-b": one}
    assert named._programs_of(f"{link}:{tmp_path}/absent:{two}:{one}", HOST) == {"tool-a": link, "tool-b": link}


def test_strings_are_the_same_whether_taken_in_windows_or_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"/{chr(97 + n % 26)}{'x' * (n % 40)}{n}" for n in range(2000)]
    (tmp_path / "app").write_bytes(make_elf(code=b"\0".join(each.encode() for each in ("", *texts, "\x80", ""))))
    whole = ElfContent(str(tmp_path / "app"))
    assert [each for each in whole.strings if each in texts] == [each for each in whole.paths if each in texts] == texts
    assert all(map(ElfContent(str(tmp_path / "app")).has_string, texts))
    monkeypatch.setattr(strings, "_WINDOW", 64)
    assert ElfContent(str(tmp_path / "app")).strings == whole.strings
