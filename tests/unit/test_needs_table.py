"""The table of `--with`: well formed, and right for the layouts of several distributions."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from magicpak.elf.cache import ElfCache
from magicpak.errors import NeedNotFound
from magicpak.ldso.factory import emulated_loaders
from magicpak.needs.charsets import _normalized
from magicpak.needs.found import NeedFiles, NeedHost, find_need
from magicpak.needs.made import MADE
from magicpak.needs.of_bundle import OF_BUNDLE
from magicpak.needs.places import Places
from magicpak.needs.rows import _FIELDS, NeedRow, WantedNeed, need_rows, wanted_needs

ROWS = need_rows()


def test_names_and_summaries_are_one_line_for_people() -> None:
    assert all(name == name.strip() and len(name) < 20 for name in ROWS)
    assert [row.name for row in ROWS.values() if not 20 < len(row.summary) < 120 or row.summary.endswith(".")] == []
    assert len({row.summary for row in ROWS.values()}) == len(ROWS)


def test_each_row_has_something_that_can_be_found_and_all_functions_are_used() -> None:
    rows = [row for row in ROWS.values() if not (row.made or row.of_bundle)]
    assert [r.name for r in rows if not (r.include or r.any or r.default or r.mkdir or r.programs)] == []
    assert {row.made for row in ROWS.values() if row.made} == set(MADE)
    assert {row.of_bundle for row in ROWS.values() if row.of_bundle} == set(OF_BUNDLE)


def test_a_pattern_is_absolute_or_begins_at_a_place() -> None:
    patterns = [each for row in ROWS.values() for each in patterns_of(row)]
    assert [each for each in patterns if not each.startswith(("/", "{lib}/", "{home}/"))] == []
    assert [
        each for each in patterns if "//" in each or each.endswith("/") or {"shadow", "private"} & set(each.split("/"))
    ] == []
    assert len(patterns) > 150


def test_the_table_in_the_manual_is_one(tmp_path: Path) -> None:
    page = Path(__file__).parent.parent.parent / "docs" / "needs.md"
    (tmp_path / "table").write_text(page.read_text().split("```toml\n")[1].split("```")[0])
    row = need_rows(str(tmp_path / "table"))["app-data"]
    assert (row.usage, row.also) == ("app-data[=LANGUAGE,...]", ("certs", "tmp"))
    fields = set(re.findall(r"^\| `(\w+)` \|", page.read_text(), re.MULTILINE))
    assert _FIELDS.keys() <= fields


def patterns_of(row: NeedRow) -> list[str]:
    return [*row.include, *row.default, *row.arguments, *(each for group in row.any for each in group)]


def below(root: Path, row: NeedRow) -> NeedRow:
    """Return `row` with all that it looks for below `root`."""

    def moved(patterns: Sequence[str]) -> tuple[str, ...]:
        return tuple(f"{root}{each}" if each.startswith("/") else each for each in patterns)

    return row._replace(
        include=moved(row.include),
        default=moved(row.default),
        any=tuple(map(moved, row.any)),
        arguments=moved(row.arguments),
        home="",
        mkdir=(),
    )


def found_in(root: Path, value: str, libraries: str = "/usr/lib64", home: str = "/opt/x") -> NeedFiles:
    """Return what `value` stands for in a system below `root`."""
    (need, *_) = wanted_needs([value], ROWS)
    places = Places([f"{root}{libraries}"], [f"{root}{home}"])
    host = NeedHost([], [], emulated_loaders(ElfCache()), places)
    return find_need(need._replace(row=below(root, need.row)), host)


@pytest.mark.parametrize(
    "name", [name for name, row in ROWS.items() if not row.made and not row.mkdir and not row.of_bundle]
)
def test_where_nothing_is_the_error_says_what_was_looked_for(name: str, tmp_path: Path) -> None:
    with pytest.raises(NeedNotFound) as raised:
        found_in(tmp_path, name)
    assert raised.value.message == f"--with {name} finds nothing on this host"
    assert len(raised.value.details) > 0
    assert all(each.startswith(f"looked for {tmp_path}/") for each in raised.value.details)


DEBIAN, FEDORA, ALPINE = "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"

LAYOUTS = [
    (FEDORA, "certs", ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/tls/cert.pem"]),
    (ALPINE, "certs", ["/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem", "/etc/ssl/certs/2add47b6.0"]),
    (FEDORA, "openssl", ["/etc/pki/tls/openssl.cnf", "/etc/crypto-policies/back-ends/opensslcnf.config",
                         "/usr/lib64/ossl-modules/legacy.so"]),
    (ALPINE, "openssl", ["/etc/ssl/openssl.cnf", "/usr/lib/ossl-modules/legacy.so", "/usr/lib/engines-3/afalg.so"]),
    (FEDORA, "magic", ["/usr/share/misc/magic.mgc"]),
    (FEDORA, "terminfo=xterm", ["/usr/share/terminfo/x/xterm"]),
    (ALPINE, "terminfo=xterm", ["/etc/terminfo/x/xterm"]),
    (FEDORA, "tz=Europe/Rome", ["/usr/share/zoneinfo/Europe/Rome"]),
    (FEDORA, "gio", ["/usr/lib64/gio/modules", "/usr/share/glib-2.0/schemas/gschemas.compiled"]),
    (ALPINE, "gdk-pixbuf", ["/usr/lib/gdk-pixbuf-2.0/2.10.0/loaders.cache", "/usr/lib/gdk-pixbuf-2.0/2.10.0/loaders"]),
    (FEDORA, "gtk", ["/usr/lib64/gtk-3.0", "/usr/lib64/gtk-4.0", "/usr/share/icons/Adwaita"]),
    (FEDORA, "qt", ["/usr/lib64/qt6/plugins", "/usr/lib64/qt6/qml"]),
    (DEBIAN, "qt", [f"{DEBIAN}/qt5/plugins"]),
    ("/opt/x/lib", "qt", ["/opt/x/plugins/platforms", "/opt/x/plugins"]),
    (ALPINE, "mesa", ["/usr/lib/dri", "/usr/lib/gbm", "/usr/share/glvnd", "/usr/lib/libEGL_mesa.so.0"]),
    (FEDORA, "gstreamer", ["/usr/lib64/gstreamer-1.0", "/usr/libexec/gstreamer-1.0/gst-plugin-scanner"]),
    (DEBIAN, "gstreamer", [f"{DEBIAN}/gstreamer-1.0", f"{DEBIAN}/gstreamer1.0/gstreamer-1.0/gst-plugin-scanner"]),
    (FEDORA, "sasl", ["/usr/lib64/sasl2/libplain.so", "/usr/lib64/sasl2/libplain.so.3", "/etc/sasl2"]),
    (FEDORA, "krb5", ["/etc/krb5.conf", "/etc/krb5.conf.d", "/usr/lib64/krb5/plugins", "/etc/gss"]),
    (FEDORA, "pam", ["/usr/lib64/security/pam_unix.so", "/etc/pam.d", "/etc/security/limits.conf"]),
    (FEDORA, "p11-kit", ["/usr/share/p11-kit/modules", "/usr/lib64/pkcs11", "/usr/share/pki/ca-trust-source"]),
    (FEDORA, "nss3", ["/usr/lib64/libsoftokn3.so", "/usr/lib64/libfreeblpriv3.so", "/usr/lib64/libnssckbi.so"]),
    (FEDORA, "imagemagick", ["/etc/ImageMagick-7", "/usr/lib64/ImageMagick-7.1.1", "/usr/share/ImageMagick-7"]),
    (FEDORA, "tcl", ["/usr/share/tcl8.6/init.tcl", "/usr/share/tcl8.6", "/usr/lib64/tcl8.6"]),
    (ALPINE, "tcl", ["/usr/lib/tcl8.6/init.tcl", "/usr/lib/tcl8.6"]),
    (FEDORA, "lua=5.4", ["/usr/share/lua/5.4", "/usr/lib64/lua/5.4"]),
    (FEDORA, "guile", ["/usr/share/guile/3.0", "/usr/share/guile", "/usr/lib64/guile"]),
    (FEDORA, "php", ["/etc/php.ini", "/etc/php.d", "/usr/lib64/php/modules"]),
    (ALPINE, "php", ["/etc/php83", "/usr/lib/php83/modules"]),
    (FEDORA, "R", ["/usr/lib64/R/library/base", "/usr/lib64/R/library", "/usr/lib64/R/etc"]),
    (FEDORA, "java", ["/opt/x/lib/modules", "/opt/x/lib/server", "/opt/x/conf"]),
    (FEDORA, "node=yarn", ["/usr/lib/node_modules/yarn"]),
    (FEDORA, "fonts=DejaVuSans.ttf", ["/etc/fonts", "/usr/share/fonts/dejavu/DejaVuSans.ttf"]),
    (FEDORA, "mime", ["/usr/share/mime/mime.cache"]),
]  # fmt: skip


@pytest.mark.parametrize(("libraries", "value", "paths"), LAYOUTS, ids=[f"{a} {b}" for a, b, _ in LAYOUTS])
def test_a_layout_is_known(libraries: str, value: str, paths: list[str], tmp_path: Path) -> None:
    for path in sorted(paths):
        file = Path(f"{tmp_path}{path}")
        if not any(other.startswith(f"{path}/") for other in paths):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    found = {each.on_host.removeprefix(str(tmp_path)) for each in found_in(tmp_path, value, libraries).trees}
    assert found == set(paths)


def test_a_home_that_has_what_is_asked_for_counts_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "own").touch()
    (tmp_path / "two/lib").touch()
    (tmp_path / "three/lib").touch()
    (tmp_path / "three/bin/tool").touch(0o755)
    (tmp_path / "links").mkdir()
    (tmp_path / "links/tool").symlink_to(tmp_path / "three/bin/tool")
    monkeypatch.setenv("PATH", f"{tmp_path}/links")
    row = NeedRow("x", "x", include=("{home}/own",), any=(("{home}/lib",),), home="tool")

    def homes(*inputs: str) -> list[str]:
        places = Places([], [f"{tmp_path}/{name}" for name in inputs])
        found = find_need(WantedNeed(row, "x"), NeedHost([], [], emulated_loaders(ElfCache()), places))
        return [path.on_host.removeprefix(f"{tmp_path}/") for path in found.trees]

    assert homes("one", "two") == ["two/own", "two/lib"]
    assert homes("one") == ["three/own", "three/lib"]


def test_of_several_places_all_are_searched_and_links_to_one_count_once(tmp_path: Path) -> None:
    places = Places([f"{tmp_path}/a", f"{tmp_path}/b[1]"], [])
    for name in ("a", "b[1]"):
        (tmp_path / name / "x").mkdir(parents=True)
    assert [path.on_host for path in places.matches("{lib}/x")] == [f"{tmp_path}/a/x", f"{tmp_path}/b[1]/x"]
    assert places.patterns("{home}/x") == []


@pytest.mark.parametrize(
    ("name", "normalized"),
    [
        ("de_DE.UTF-8", "de_DE.utf8"), ("de_DE.ISO-8859-15@euro", "de_DE.iso885915@euro"),
        ("ru_RU.8859-5", "ru_RU.iso88595"),
        ("de_DE", "de_DE"), ("sr_RS@latin", "sr_RS@latin"),
    ],
)  # fmt: skip
def test_a_codeset_is_written_as_glibc_does(name: str, normalized: str) -> None:
    assert _normalized(name) == normalized


def test_what_comes_along_comes_once_and_need_not_be_there() -> None:
    needs = wanted_needs(["gtk", "gio"], ROWS)
    assert [(each.row.name, each.flag, each.optional) for each in needs] == [
        ("gtk", "--with gtk", False),
        ("gio", "--with gio", False),
        ("fonts", "--with gtk", True),
        ("gdk-pixbuf", "--with gtk", True),
        ("mime", "--with gtk", True),
    ]


def test_arguments_of_one_name_are_taken_together() -> None:
    assert wanted_needs(["users=a,b", "users", "users=b,c"], ROWS) == [
        WantedNeed(ROWS["users"], "--with users=a,b", ("a", "b", "c"), has_default=True)
    ]
