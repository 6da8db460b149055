"""What is found to be needed by the Ruby scripts of this host, against what ruby loads when it runs them."""

import os
import subprocess
from pathlib import Path

import pytest

from magicpak.files.script import Script, parse_script
from magicpak.scripts.needs import ScriptFile
from magicpak.scripts.ruby.language import Ruby
from magicpak.scripts.sources import Sources

RUBY = "/usr/bin/ruby"
SCRIPTS = [
    "gem", "irb", "erb", "rake", "bundle", "rdoc", "racc3.1", "rspec", "jekyll", "asciidoctor", "rubocop", "ronn",
    "pry", "thor", "mdl", "coderay", "nanoc", "r10k", "tmuxinator",
]  # fmt: skip
LOADED = """
process = Process.pid
at_exit do
  loaded = $LOADED_FEATURES + Gem.loaded_specs.values.map(&:loaded_from)
  File.write(ENV["LOADED"], loaded.join("\\n")) if Process.pid == process
end
"""

pytestmark = pytest.mark.skipif(not os.path.exists(RUBY), reason="needs ruby")


def test_the_load_path_and_the_gem_path_are_those_that_ruby_prints() -> None:
    printed = subprocess.run([RUBY, "-e", "puts $:, Gem.path"], capture_output=True, text=True, check=True)
    directories = {each for each in printed.stdout.splitlines() if Path(each).is_dir()}
    sources = Sources()
    library = {each.path for each in Ruby().library(RUBY, sources).files}
    found = Ruby().script(ScriptFile(os.devnull, RUBY), sources, whole=True).files
    specified = {each for each in directories if "gems" not in each or Path(each, "specifications").is_dir()}
    outermost = {each.path for each in found}
    assert {each for each in specified - library if os.path.dirname(each) not in outermost} == outermost


def head_of(name: str) -> Script | None:
    """Return the first line of the program `name`, if that is a script of Ruby."""
    path = f"/usr/bin/{name}"
    head = parse_script(Path(path).read_bytes()[:256]) if os.path.exists(path) else None
    return head if head is not None and "ruby" in f"{head.interpreter} {head.argument}" else None


@pytest.mark.parametrize("name", [each for each in SCRIPTS if head_of(each)])
def test_all_that_ruby_loads_for_a_script_is_found(name: str, tmp_path: Path) -> None:
    script = f"/usr/bin/{name}"
    (tmp_path / "loaded.rb").write_text(LOADED)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LOADED": str(tmp_path / "loaded")}
    option = "--version" if name == "bundle" else "--help"  # for which bundle becomes another program
    command = [RUBY, f"-r{tmp_path}/loaded.rb", script, option]
    subprocess.run(command, env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    features = (tmp_path / "loaded").read_text().splitlines()
    loaded = {os.path.realpath(each) for each in features if each.startswith("/")}
    ruby, sources = Ruby(), Sources()
    needed = [*ruby.library(RUBY, sources).files, *ruby.script(ScriptFile(script, RUBY), sources, whole=False).files]
    below = tuple(os.path.realpath(each.path) for each in needed)
    outside = {each for each in loaded if not each.startswith(str(tmp_path))}
    assert outside
    assert [each for each in sorted(outside) if not any(f"{each}/".startswith(f"{path}/") for path in below)] == []
