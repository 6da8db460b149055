"""What real programs are taken to need: those that work alone get no suggestion, and others what they look for."""

import os
import shutil
from pathlib import Path

import pytest

from survey.suggestions import SuggestionSurvey

NAMES = {
    "age": [],
    "bc": ["terminfo"],
    "brotli": [],
    "bzip2": [],
    "cat": [],
    "chown": ["users"],
    "cp": [],
    "curl": ["certs", "nss"],
    "ed": ["shell", "tmp"],
    "file": ["magic"],
    "gron": ["certs", "nss"],
    "grep": [],
    "gunzip": [],
    "hexyl": [],
    "htop": ["terminfo"],
    "iconv": ["gconv"],
    "id": ["users"],
    "jo": [],
    "jq": [],
    "ldapsearch": ["nss", "sasl", "tmp"],
    "ls": [],
    "lz4": [],
    "mktemp": ["tmp"],
    "nc": ["nss", "tmp"],
    "nginx": ["nss", "openssl", "unwind", "users"],
    "openssl": ["certs", "openssl"],
    "pigz": [],
    "ping": ["nss"],
    "python3": ["python"],
    "redis-cli": ["certs", "nss", "openssl"],
    "sd": [],
    "sort": ["tmp"],
    "ssh": ["krb5", "nss", "openssl", "shell", "users"],
    "tclsh": ["tcl"],
    "tput": ["shell", "terminfo"],
    "tree": [],
    "true": [],
    "whoami": ["users"],
    "xz": [],
    "zstd": [],
}
PATHS = {
    "git": ["/etc/gitconfig", "/usr/lib/git-core"],
    "man": ["/etc/manpath.config", "/usr/libexec/man-db"],
    "nginx": ["/etc/nginx", "/usr/share/nginx"],
    "scp": ["/usr/bin/ssh"],
    "units": ["/usr/share/units"],
    "vim.tiny": ["/etc/vim/vimrc", "/usr/share/vim"],
    "w3m": ["/etc/w3m", "/usr/share/w3m"],
}


SEARCH_PATH = "/usr/bin:/usr/sbin:/bin:/sbin"


def is_here(name: str) -> bool:
    """Return whether `name` is an ELF file of this host."""
    path = shutil.which(name, path=SEARCH_PATH)
    return path is not None and Path(path).read_bytes()[:4] == b"\x7fELF"


def suggested(name: str) -> tuple[list[str], list[str]]:
    """Return the values of `--with`, and those of `--include`, that are suggested for the program `name`."""
    path = shutil.which(name, path=SEARCH_PATH)
    found = SuggestionSurvey().suggested(path) if path else None
    assert found is not None
    both = ("with", "include")
    return tuple(sorted(each.value for each in found if each.flag == flag) for flag in both)  # type: ignore[return-value]


@pytest.mark.parametrize(("name", "expected"), [each for each in NAMES.items() if is_here(each[0])])
def test_a_program_gets_the_names_of_what_it_looks_for(name: str, expected: list[str]) -> None:
    names, paths = suggested(name)
    assert names == expected
    if not expected:
        assert paths == []


@pytest.mark.parametrize(("name", "expected"), [each for each in PATHS.items() if is_here(each[0])])
def test_a_program_gets_its_own_files(name: str, expected: list[str]) -> None:
    _, paths = suggested(name)
    assert {each for each in expected if os.path.exists(each)} - set(paths) == set()
