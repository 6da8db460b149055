"""Which files that a run has brought are warned of."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from magicpak.bundle.entry import Attributes, Copy, Directory
from magicpak.bundle.exclude import exclude
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, BundlePlan, Item
from magicpak.dynamic.secrets import secret_warnings
from magicpak.elf.cache import ElfFile
from magicpak.elf.facts import ElfFacts, ElfTarget, FileType
from magicpak.resolve.inputs import Program

BODY = "\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw\n"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv/me")


def program(path: str) -> Program:
    file = ElfFile(ElfFacts(ElfTarget(64, little=True, machine=62), FileType.EXEC, 0, 1), (1, 1), 0o755)
    return Program(path, path, path, file, BundlePath(path))


def plan_of(sources: dict[str, str]) -> BundlePlan:
    """Return a plan with a copy at each path of the bundle, of a file of the host."""
    items: dict[BundlePath, Item] = {}
    for path, source in sources.items():
        at = BundlePath(path)
        size = os.path.getsize(source) if os.path.exists(source) else 0
        items[at] = Item(at, Copy(source, size, (1, len(items)), Attributes(0o600)), Because("test"))
        while at.parent not in items and at.parent != "/":
            at = at.parent
            items[at] = Item(at, Directory(Attributes(0o755)), Because("test"))
    return BundlePlan(items)


def told(*paths: str, programs: Sequence[str] = ("/usr/bin/prog",), **env: str) -> list[str]:
    plan = plan_of(dict.fromkeys(paths, "/nowhere"))
    return secret_warnings(plan, set(map(BundlePath, paths)), [program(each) for each in programs], env)


def test_ordinary_files_are_no_secrets() -> None:
    assert told("/etc/passwd", "/etc/ssl/certs/ca.pem", "/usr/lib/x.so", "/homes/x", "/home/x", "/etc/shadow.d/x") == []


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/etc/shadow", "password hashes"),
        ("/etc/shadow-", "password hashes"),
        ("/etc/gshadow", "password hashes"),
        ("/etc/gshadow-", "password hashes"),
        ("/etc/ssh/ssh_host_ed25519_key", "private keys"),
        ("/etc/ssl/private/ssl-cert-snakeoil.key", "private keys"),
        ("/srv/app/.ssh/id_rsa", "private keys"),
        ("/srv/app/.gnupg/private-keys-v1.d/A.key", "private keys"),
        ("/root/.netrc", "credentials"),
        ("/root/.pgpass", "credentials"),
        ("/root/.git-credentials", "credentials"),
        ("/root/.aws/credentials", "credentials"),
        ("/root/.docker/config.json", "credentials"),
        ("/root/.kube/config", "credentials"),
        ("/root/.npmrc", "credentials"),
        ("/srv/app/.pypirc", "credentials"),
        ("/root/.config/gcloud/x/y", "credentials"),
        ("/root/.cargo/credentials.toml", "credentials"),
    ],
)
def test_a_file_is_told_to_be_a_secret_by_its_place(path: str, what: str) -> None:
    assert told(path) == [f"{path} looks like a secret ({what}): exclude it with --exclude {path}"]


def test_public_keys_are_no_secrets() -> None:
    assert told("/srv/app/.ssh/id_rsa.pub", "/etc/ssh/ssh_host_rsa_key.pub", "/srv/app/.ssh/known_hosts") == []


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (f"-----BEGIN PRIVATE KEY-----{BODY}", True),
        (f"certificate\n-----BEGIN RSA PRIVATE KEY-----\r{BODY}", True),
        (f"-----BEGIN OPENSSH PRIVATE KEY-----{BODY}", True),
        ("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", True),
        (f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n{BODY}", True),
        ("x" * 65_000 + f"\n-----BEGIN PRIVATE KEY-----{BODY}", True),
        ("x" * 65_600 + f"\n-----BEGIN PRIVATE KEY-----{BODY}", False),
        (f"-----BEGIN PUBLIC KEY-----{BODY}", False),
        (f"-----BEGIN CERTIFICATE-----{BODY}", False),
        ('marker = "-----BEGIN PRIVATE KEY-----"\n', False),
        ("-----BEGIN PRIVATE KEY-----", False),
        ("", False),
    ],
)
def test_a_file_is_told_to_be_a_private_key_by_what_is_in_it(tmp_path: Path, text: str, is_one: bool) -> None:  # noqa: FBT001
    source = tmp_path / "source"
    source.write_bytes(text.encode())
    line = "/opt/key looks like a secret (private keys): exclude it with --exclude /opt/key"
    assert secret_warnings(plan_of({"/opt/key": str(source)}), {BundlePath("/opt/key")}, [], {}) == (
        [line] if is_one else []
    )


def test_several_of_a_kind_are_one_line_that_can_be_pasted() -> None:
    hashes, credentials = told("/etc/shadow", "/etc/gshadow", "/srv/a b/.netrc", "/srv/[x]/.netrc")
    assert hashes == (
        "/etc/gshadow, /etc/shadow look like secrets (password hashes): "
        "exclude them with --exclude /etc/gshadow --exclude /etc/shadow"
    )
    assert credentials == (
        "/srv/[x]/.netrc, /srv/a b/.netrc look like secrets (credentials): "
        "exclude them with --exclude '/srv/[[]x]/.netrc' --exclude '/srv/a b/.netrc'"
    )


def test_of_very_many_the_first_are_named() -> None:
    (line,) = told(*(f"/srv/{number:02}/.netrc" for number in range(12)))
    assert line.startswith("/srv/00/.netrc, ")
    exclude = "exclude them with --exclude /srv/00/.netrc "
    assert f"/srv/07/.netrc and 4 more look like secrets (credentials): {exclude}" in line
    assert line.endswith(" --exclude /srv/07/.netrc and so on")


def test_files_below_a_home_directory_are_told_by_home() -> None:
    assert told("/root/a", "/root/b/c", "/root/.netrc", "/home/alice/x", "/srv/me/file", "/srv/me/other") == [
        "/root/.netrc looks like a secret (credentials): exclude it with --exclude /root/.netrc",
        "/home/alice/x is in a home directory: exclude it with --exclude /home/alice/x",
        "/root/a and 1 more are in a home directory: exclude them with --exclude '/root/*'",
        "/srv/me/file and 1 more are in a home directory: exclude them with --exclude '/srv/me/*'",
    ]


def test_what_stands_with_the_program_is_no_private_file() -> None:
    inputs = ("/home/alice/app/prog",)
    assert told("/home/alice/app/data", "/home/alice/app/sub/x", programs=inputs) == []
    assert told("/home/alice/application", programs=inputs) != []
    assert told("/home/alice/x", programs=("/home/alice/prog",)) != []
    assert told("/home/alice/x", programs=("/prog",)) != []


def test_what_was_not_brought_by_a_run_or_is_excluded_is_not_told() -> None:
    plan = plan_of({"/etc/shadow": "/nowhere", "/etc/gshadow": "/nowhere"})
    assert secret_warnings(plan, set(), [], {}) == []
    plan = exclude(plan, ["/etc/shadow"]).plan
    brought = {BundlePath("/etc/shadow"), BundlePath("/etc/gshadow")}
    assert secret_warnings(plan, brought, [], {}) == [
        "/etc/gshadow looks like a secret (password hashes): exclude it with --exclude /etc/gshadow"
    ]


def test_each_exclusion_that_is_told_leaves_its_file_out() -> None:
    paths = {"/srv/[x]/.netrc", "/srv/a*b/.npmrc", "/srv/a b/.pgpass", "/srv/?/.boto"}
    plan = plan_of(dict.fromkeys(paths, "/nowhere"))
    (line,) = secret_warnings(plan, set(map(BundlePath, paths)), [], {})

    words = shlex.split(line)
    patterns = [words[index + 1] for index, word in enumerate(words) if word == "--exclude"]
    assert len(patterns) == 4
    for pattern in patterns:
        rest = exclude(plan, [pattern]).plan
        assert len({str(item.path) for item in rest} & paths) == 3


def test_without_a_home_directory_none_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    for home in ("", "/"):
        monkeypatch.setenv("HOME", home)
        assert told("/srv/me/file", "/opt/file") == []
    monkeypatch.delenv("HOME")
    assert told("/srv/me/file") == []


def test_a_cache_below_a_home_directory_hides_what_an_image_without_it_needs() -> None:
    why = (
        "without which the program may need files that the run did not use; "
        "to find that too, run the program with an empty home: --dynamic-env HOME=$(mktemp -d)"
    )
    registry, fonts = "/srv/me/.cache/gstreamer-1.0/registry.x86_64.bin", "/root/.java/fonts/17/fcinfo.properties"
    assert told(registry)[1:] == [f"{registry} is a cache, {why}"]
    assert told(registry, fonts, "/srv/me/plain")[2:] == [f"{fonts} and 1 more are caches, {why}"]
    assert len(told("/srv/me/x/.cache/y", "/srv/me/.cached", "/srv/app/.cache/x")) == 1


@pytest.mark.parametrize(
    "path",
    [
        ".fontconfig/7ef2298fde41cc6eeb7af42e48b7d293_-le64.cache-7",
        ".texlive2022/texmf-var/luatex-cache/generic/names/luaotfload-names.luc.gz",
        ".nv/ComputeCache/index",
        ".triton/cache/x/kernel.cubin",
        ".cupy/kernel_cache/x.cubin",
    ],
)
def test_the_caches_of_programs_are_known_by_their_places(path: str) -> None:
    assert len(told(f"/srv/me/{path}")) == 2
    assert len(told(f"/srv/me/{path.partition('/')[0]}")) == len(told(f"/srv/me/sub/{path}")) == 1


def test_the_home_and_the_cache_are_those_of_the_run() -> None:
    why = "is a cache, without which the program may need files that the run did not use"
    cure = "to find that too, run the program with an empty"
    assert told("/srv/other/.cache/x", HOME="/srv/other") == [
        "/srv/other/.cache/x is in a home directory: exclude it with --exclude /srv/other/.cache/x",
        f"/srv/other/.cache/x {why}; {cure} home: --dynamic-env HOME=$(mktemp -d)",
    ]
    assert told("/var/own/x", "/var/owner/x", XDG_CACHE_HOME="/var/own") == [
        f"/var/own/x {why}; {cure} cache: --dynamic-env XDG_CACHE_HOME=$(mktemp -d)",
    ]
    assert told("/var/own/x", XDG_CACHE_HOME="own") == told("/var/own/x", XDG_CACHE_HOME="") == []
    assert len(told("/srv/me/.cache/x", "/var/own/x", XDG_CACHE_HOME="/var/own")) == 3
    assert told("/srv/me/x", HOME="/srv/other") == told("/srv/me/x")
