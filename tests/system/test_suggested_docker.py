"""Programs in an image from scratch, with nothing but what is suggested for them."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from support.run_magicpak import quickly
from system.test_docker_build import docker

pytestmark = pytest.mark.needs("docker")

PROGRAMS = ["python3", "git", "id", "iconv", "file", "ssh-keygen", "tput", "sort", "curl"]
COMMANDS = """\
python3 -c 'import ssl; ssl.create_default_context().get_ca_certs()[0]'
python3 -c 'import ctypes, sqlite3, zoneinfo; zoneinfo.ZoneInfo("Europe/Rome")'
git init -q /work
echo x > /work/file
git -C /work add file
git -C /work -c user.name=a -c user.email=a@b commit -qm first
test "$(git -C /work log --format=%s)" = first
test "$(id -u nobody)" = 65534
echo あ | iconv -f UTF-8 -t SHIFT_JIS > /encoded
test "$(iconv -f SHIFT_JIS -t UTF-8 /encoded)" = あ
test "$(printf 'GIF89a' | file -b --mime-type -)" = image/gif
ssh-keygen -qt ed25519 -N '' -f /key
test -s /key.pub
test "$(tput -T xterm cols)" = 80
test "$(seq 200000 | sort -S 100k -rn | head -n 1)" = 200000
curl -s https://127.0.0.1:1/ || test $? = 7
"""  # each in a line of its own: set -e ignores failures before &&


@pytest.fixture
def tag() -> Iterator[str]:
    tag = f"magicpak-test-{uuid4().hex}"
    yield tag
    docker("rmi", "--force", tag)


def test_programs_do_what_they_are_for_in_an_image_with_what_is_suggested(tmp_path: Path, tag: str) -> None:
    programs = [f"/usr/bin/{name}" for name in [*PROGRAMS, "seq", "head", "test"]]
    assert quickly("--with=suggested", "--no-hints", *programs, tmp_path / "bundle") == 0
    (tmp_path / "commands").write_text(COMMANDS)
    lines = ["FROM scratch", "COPY bundle /", "COPY commands /", "RUN set -ex; . /commands"]
    (tmp_path / "Dockerfile").write_text("\n".join(lines))
    docker("build", "--quiet", "--network", "none", "--tag", tag, str(tmp_path))
