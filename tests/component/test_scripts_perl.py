"""What is found to be needed by the Perl scripts of this host, against what perl loads when it runs them."""

import os
import subprocess
from pathlib import Path

import pytest

from magicpak.files.script import Script, parse_script
from magicpak.scripts.needs import ScriptFile
from magicpak.scripts.perl.language import Perl
from magicpak.scripts.sources import Sources

PERL = "/usr/bin/perl"
SCRIPTS = [
    "ptar", "prove", "corelist", "pod2man", "pod2text", "json_pp", "shasum", "xsubpp", "perldoc", "dpkg-buildpackage",
    "dpkg-scanpackages", "ack", "exiftool", "file-rename", "prename", "cloc", "lwp-request", "pod2texi", "debchange",
    "spellintian",
]  # fmt: skip
LOADED = """package Loaded;
END { open my $out, '>', $ENV{LOADED}; print $out "$_\\n" for grep { defined && !ref } values %INC; }
END { open my $out, '>>', $ENV{LOADED}; print $out "$_\\n" for @DynaLoader::dl_shared_objects; }
1;
"""

pytestmark = pytest.mark.skipif(not os.path.exists(PERL), reason="needs perl")


def test_the_directories_of_inc_are_those_that_perl_prints() -> None:
    printed = subprocess.run([PERL, "-e", r'print "$_\n" for @INC'], capture_output=True, text=True, check=True)
    directories = sorted(each for each in printed.stdout.splitlines() if Path(each).is_dir())
    found = Perl().script(ScriptFile(os.devnull, PERL), Sources(), whole=True).files
    library = [each.path for each in Perl().library(PERL, Sources()).files]
    standard = [each for each in directories if any(path == each or path.startswith(f"{each}/") for path in library)]
    assert sorted({*standard, *(each.path for each in found)}) == directories


def head_of(name: str) -> Script | None:
    """Return the first line of the program `name`, if that is a script of Perl."""
    path = f"/usr/bin/{name}"
    head = parse_script(Path(path).read_bytes()[:256]) if os.path.exists(path) else None
    return head if head is not None and "perl" in f"{head.interpreter} {head.argument}" else None


@pytest.mark.parametrize("name", [each for each in SCRIPTS if head_of(each)])
def test_all_that_perl_loads_for_a_script_is_found(name: str, tmp_path: Path) -> None:
    script = f"/usr/bin/{name}"
    head = head_of(name)
    assert head is not None
    arguments = [head.argument] if head.argument and not head.interpreter.endswith("env") else []
    (tmp_path / "Loaded.pm").write_text(LOADED)
    environment = {"PATH": os.environ["PATH"], "PERL5LIB": str(tmp_path), "LOADED": str(tmp_path / "loaded")}
    command = [PERL, "-MLoaded", *arguments, script, "--help"]
    subprocess.run(command, env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    loaded = {os.path.realpath(each) for each in (tmp_path / "loaded").read_text().splitlines() if each.startswith("/")}
    perl, sources = Perl(), Sources()
    needed = [*perl.library(PERL, sources).files]
    needed += perl.script(ScriptFile(script, PERL, arguments), sources, whole=False).files
    below = tuple(os.path.realpath(each.path) for each in needed)
    outside = {each for each in loaded if not each.startswith(str(tmp_path))}
    assert outside
    assert [each for each in sorted(outside) if not any(f"{each}/".startswith(f"{path}/") for path in below)] == []
