"""What is found to be needed by Ruby scripts, in small trees with a ruby that has the names of its directories."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest

from magicpak.scripts.needs import ScriptFile
from magicpak.scripts.ruby.facts import MAX_PARTS
from magicpak.scripts.ruby.language import Ruby
from magicpak.scripts.sources import Sources
from support import script_trees
from support.elf_files import make_elf
from support.script_trees import ScriptTree


class RubyTree(ScriptTree):
    """An installation of ruby: its library, what others have installed beside that, and gems."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, Ruby(), root / "bin/ruby", root / "lib/ruby/vendor_ruby")
        self.lib, self.gems = root / "lib/ruby/3.3.0", root / "lib/ruby/gems/3.3.0"
        self.add(self.lib / "English.rb", "")
        self.add(
            self.lib / "x86_64-linux/rbconfig.rb", '  CONFIG["ruby_version"] = "3.3.0"\n  CONFIG["DLEXT"] = "so"\n'
        )
        self.add(self.lib / "rubygems.rb", "require 'bundler'")
        self.add("README", "")
        strings = [self.vendor, self.lib, self.lib / "x86_64-linux", "/usr/lib/ruby-nothing"]
        self.add(self.interpreter, "\0".join(["", *map(str, strings), ""]))

    def add_gem(self, name: str, *needed: str, paths: str = '"lib".freeze', more: str = "") -> None:
        """Install version 1.2 of a gem, which has a feature of its name, and needs others."""
        needs = "".join(f'    s.add_runtime_dependency(%q<{each}>.freeze, ["~> 1"])\n' for each in needed)
        specification = f"Gem::Specification.new do |s|\n  s.require_paths = [{paths}]\n{needs}{more}end\n"
        self.add(self.gems / f"specifications/{name}-1.2.gemspec", specification)
        self.add(self.gems / f"gems/{name}-1.2/lib/{name}.rb")

    def files(
        self, code: str | bytes, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> list[str]:
        """Return the files that a script with this code needs, as they are called below the vendor's or gems'."""
        return sorted(path.removeprefix(f"{self.gems}/") for path in super().files(code, arguments, environment))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RubyTree:
    made = RubyTree(tmp_path)
    monkeypatch.setenv("PATH", made.add_programs("tar", "gzip", "git", "sort", "less"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("GEM_HOME", "GEM_PATH"):
        monkeypatch.delenv(name, raising=False)
    return made


library = partial(script_trees.library, Ruby())


def test_the_library_has_rubygems_and_the_specifications_of_its_gems(tree: RubyTree) -> None:
    (tree.gems / "specifications/default").mkdir(parents=True)
    assert library(tree.interpreter, tree.sources) == [str(tree.lib), f"{tree.gems}/specifications/default"]


def test_rubygems_can_be_beside_the_library(tree: RubyTree) -> None:
    tree.add("rubygems.rb")
    tree.add("rubygems/defaults.rb")
    tree.add("other.rb")
    assert library(tree.interpreter, Sources()) == [
        str(tree.lib),
        f"{tree.vendor}/rubygems.rb",
        f"{tree.vendor}/rubygems",
    ]


def test_a_library_of_ruby_that_can_be_moved_knows_the_directories_below_its_prefix(tmp_path: Path) -> None:
    (tmp_path / "ruby/lib/ruby/3.3.0").mkdir(parents=True)
    (tmp_path / "ruby/lib/ruby/3.3.0/English.rb").touch()
    (tmp_path / "ruby/bin").mkdir()
    (tmp_path / "ruby/bin/ruby").write_bytes(make_elf(needed=["libruby.so.3.3"], runpath="$ORIGIN/../lib"))
    (tmp_path / "ruby/lib/libruby.so.3.3").write_bytes(b"\x7fELF\0/lib/ruby/3.3.0\0")
    assert library(tmp_path / "ruby/bin/ruby", Sources()) == [str(tmp_path / "ruby/lib/ruby/3.3.0")]


def test_a_ruby_without_a_library_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "ruby").write_bytes(b"\0/usr/lib\0")
    assert library(tmp_path / "ruby", Sources()) == []


@pytest.mark.parametrize(
    "code",
    [
        "require 'foo/bar'",
        'require("foo/bar")',
        "require 'foo/bar.rb' if x",
        "begin; require 'foo/bar'; rescue LoadError; end",
        "Foo.autoload :Bar, 'foo/bar'",
        "autoload(:Bar, 'foo/bar')",
        'name = "bar"; require "foo/#{name}"',
        "load 'foo/bar.rb'",
        "require_relative '../lib/ruby/vendor_ruby/foo/bar'",
        "require File.expand_path('../lib/ruby/vendor_ruby/foo/bar', __dir__)",
        "=begin\nit's\n=end\nrequire 'foo/bar'",
        "x = <<~A + <<-'B C'\n  it's\n  A\n  \"\n  B C\nrequire 'foo/bar'",
        "x = \"#{f(\"it's\", '}')} '\"; require 'foo/bar'",
        "x = a / 2; y = b % 3; z = x[1] / 2; require 'foo/bar'",
        "x.split(/'/); y =~ %r{'}; puts %w[it's], %q(it's (nested')); require 'foo/bar'",
        "x = ?'; y = :'it'; $'; @a; z ? 'a' : \"b\"; require 'foo/bar'",
        "x.gsub /'/, 'y'; require 'foo/bar'",
        "`ls '#{x}'`; require 'foo/bar'",
    ],
)
def test_a_feature_is_required_by(code: str, tree: RubyTree) -> None:
    tree.add("foo/bar.rb")
    tree.add("ab.rb")
    assert tree.files(f"#!/usr/bin/ruby\n{code}\n") == ["foo/bar.rb"]


@pytest.mark.parametrize(
    "code",
    [
        "# require 'foo/bar'",
        "=begin\nrequire 'foo/bar'\n=end",
        "puts \"require 'foo/bar'\"",
        "puts %q{\nrequire 'foo/bar'\n}",
        "puts <<~A\n  require 'foo/bar'\n  A\n",
        "puts <<'A B'\nrequire 'foo/bar'\nA B\n",
        "x =~ %r{require 'foo/bar'}",
        "__END__\nrequire 'foo/bar'\n",
        "x.require 'foo/bar'",
        "x = { require: 'foo/bar' }",
        "def require(name = 'foo/bar') end",
    ],
)
def test_a_feature_is_not_required_by(code: str, tree: RubyTree) -> None:
    tree.add("foo/bar.rb")
    assert tree.files(f"#!/usr/bin/ruby\n{code}") == []


def test_a_feature_brings_its_namespace(tree: RubyTree) -> None:
    tree.add("foo.rb")
    tree.add("foo/plugin.rb", "require 'other'; system('git', 'x')")
    tree.add("foo/template.erb")
    tree.add("other.rb", "require 'compiled'")
    tree.add("compiled.so")
    assert tree.files("require 'foo'") == ["compiled.so", "foo", "foo.rb", "other.rb"]
    assert tree.programs("require 'foo'") == []
    assert tree.programs("require 'foo/plugin'") == ["git"]


def test_what_the_library_requires_of_others_is_needed_too_but_not_what_rubygems_may(tree: RubyTree) -> None:
    tree.add(tree.lib / "net.rb", "require 'optional'")
    tree.add("optional.rb")
    tree.add_gem("bundler")
    assert tree.files("require 'rubygems'; require 'net'") == ["optional.rb"]


def test_a_gem_comes_whole_with_its_specification_its_extension_and_what_it_needs(tree: RubyTree) -> None:
    tree.add_gem("main", "needed")
    tree.add_gem("needed")
    tree.add_gem("unused")
    tree.add(tree.gems / "gems/main-1.2/lib/main.rb", "require 'main/native'; require 'third'")
    tree.add(tree.gems / "extensions/x86_64-linux/3.3.0/main-1.2/main/native.so")
    tree.add("third.rb")
    assert tree.files("require 'main'") == [
        "extensions/x86_64-linux/3.3.0/main-1.2", "gems/main-1.2", "gems/needed-1.2", "specifications/main-1.2.gemspec",
        "specifications/needed-1.2.gemspec", "third.rb",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "code",
    [
        "gem 'main', '>= 0'",
        "load Gem.activate_bin_path('main', 'main', version)",
        "Gem.activate_and_load_bin_path('main', 'main', version)",
        "load Gem.bin_path('main', 'main', version)",
    ],
)
def test_a_gem_is_activated_by(code: str, tree: RubyTree) -> None:
    tree.add_gem("main")
    tree.add(tree.gems / "gems/main-1.2/exe/main", "require 'third'")
    tree.add("third.rb")
    assert tree.files(code) == ["gems/main-1.2", "specifications/main-1.2.gemspec", "third.rb"]


def test_a_gem_whose_files_are_in_the_load_path_is_needed_with_those_of_the_gems_that_it_needs(tree: RubyTree) -> None:
    tree.add_gem("main", "my-needed")
    tree.add_gem("my-needed")
    for name in ("main", "my-needed"):
        (tree.gems / f"gems/{name}-1.2/lib/{name}.rb").unlink()
        (tree.gems / f"gems/{name}-1.2/lib").rmdir()
        (tree.gems / f"gems/{name}-1.2").rmdir()
    tree.add("main.rb")
    tree.add("my/needed.rb")
    assert tree.files("require 'main'") == [
        "main.rb", "my/needed.rb", "specifications/main-1.2.gemspec", "specifications/my-needed-1.2.gemspec",
    ]  # fmt: skip


def test_gems_for_development_are_not_needed(tree: RubyTree) -> None:
    tree.add_gem("test")
    old = "  if s\n    s.add_development_dependency(%q<test>)\n  else\n    s.add_dependency(%q<test>)\n  end\n"
    tree.add_gem("old", more=old)
    tree.add_gem("new", more='  s.add_development_dependency("test")\n')
    tree.add_gem("other", more='  s.add_dependency(%q<test>.freeze, [">= 0"])\n')
    assert tree.files("gem 'old'; gem 'new'") == [
        "gems/new-1.2", "gems/old-1.2", "specifications/new-1.2.gemspec", "specifications/old-1.2.gemspec",
    ]  # fmt: skip
    assert "gems/test-1.2" in tree.files("gem 'other'")


def test_a_gem_can_have_other_paths_than_lib(tree: RubyTree) -> None:
    tree.add_gem("main", paths='"lib/inner".freeze, "more".freeze')
    tree.add(tree.gems / "gems/main-1.2/more/feature.rb")
    assert tree.files("require 'main'") == []
    assert tree.files("require 'feature'") == ["gems/main-1.2", "specifications/main-1.2.gemspec"]


def test_gems_are_found_by_the_environment_and_beside_the_script(tree: RubyTree) -> None:
    elsewhere = tree.root / "bundle"
    tree.gems = elsewhere
    tree.add_gem("main")
    expected = ["gems/main-1.2", "specifications/main-1.2.gemspec"]
    assert tree.files("require 'main'") == []
    assert tree.files("require 'main'", (), {"GEM_HOME": str(elsewhere)}) == expected
    assert tree.files("require 'main'", (), {"GEM_PATH": f"/nothing:{elsewhere}"}) == expected
    script = ScriptFile(tree.add(elsewhere / "bin/main", "gem 'main'"), str(tree.interpreter))
    found = Ruby().script(script, tree.sources, whole=False).files
    assert sorted(each.path.removeprefix(f"{elsewhere}/") for each in found) == expected


def test_a_script_inside_a_gem_needs_the_gem(tree: RubyTree) -> None:
    tree.add_gem("main")
    script = ScriptFile(
        tree.add(tree.gems / "gems/main-1.2/exe/main", "require_relative '../lib/main'"), str(tree.interpreter)
    )
    found = Ruby().script(script, tree.sources, whole=False).files
    assert [each.path.removeprefix(f"{tree.gems}/") for each in found] == [
        "specifications/main-1.2.gemspec", "gems/main-1.2",
    ]  # fmt: skip


@pytest.mark.parametrize("code", ["require 'bundler/setup'", "require 'bundler'; Bundler.require(:default)"])
def test_with_bundler_the_gems_of_the_gemfile_are_needed(code: str, tree: RubyTree) -> None:
    gemfile = tree.add(tree.root / "Gemfile", "source 'x'\ngem 'main'\ngem \"second\", '~> 1'\n")
    lock = tree.add(tree.root / "Gemfile.lock", "GEM\n  specs:\n    third (1.2)\n      fourth\n")
    tree.gems = tree.root / "vendor/bundle/ruby/3.3.0"
    for name in ("main", "second", "third", "fourth"):
        tree.add_gem(name)
    assert [each for each in tree.files(code) if not each.startswith("spec")] == [
        gemfile, lock, "gems/main-1.2", "gems/second-1.2", "gems/third-1.2"
    ]  # fmt: skip
    assert tree.files("require 'json'") == []


@pytest.mark.parametrize(
    "code",
    [
        "$:.unshift '{root}/private'; require 'mine'",
        "$LOAD_PATH << File.expand_path('../private', __dir__); require 'mine'",
        "$LOAD_PATH.unshift(File.expand_path('../../private', __FILE__)); require 'mine'",
        "$:.unshift File.join(File.dirname(__FILE__), '..', 'private'); require 'mine'",
        "$:.unshift File.dirname(File.dirname(File.realpath(__FILE__))) + '/private'; require 'mine'",
        "top = Pathname.new(__FILE__).realpath.dirname.parent.to_s; $:.push(\"#{{top}}/private\"); require 'mine'",
        "LIB = ENV['X']; LIB = '{root}/private'; require \"#{{LIB}}/mine\"",
        "require_relative '../private/mine'",
        'load "#{{__dir__}}/../private/mine.rb"',
        "require 'mine'; $: << '{root}/private'",
    ],
)
def test_a_directory_that_the_script_adds_is_searched(code: str, tree: RubyTree) -> None:
    mine = tree.add(tree.root / "private/mine.rb")
    assert tree.files(code.format(root=tree.root)) == [mine]


def test_the_configuration_of_ruby_is_known(tree: RubyTree) -> None:
    compiled = tree.add(tree.root / "private/3.3.0/mine.so")
    code = "extension = RbConfig::MAKEFILE_CONFIG['DLEXT']; version = RbConfig::CONFIG[\"ruby_version\"]\n"
    assert tree.files(code + f'require "{tree.root}/private/#{{version}}/mine.#{{extension}}"') == [compiled]
    assert tree.files(f"require \"{tree.root}/private/#{{RbConfig::CONFIG['ruby_version']}}/mine\"") == [compiled]


def test_directories_and_features_of_the_command_line_and_the_environment_are_searched(tree: RubyTree) -> None:
    mine = tree.add(tree.root / "private/mine.rb")
    assert tree.files("require 'mine'", ["-w", f"-I{tree.root}/private"]) == [mine]
    assert tree.files("", [f"-wI {tree.root}/private -rmine"]) == [mine]
    assert tree.files("require 'mine'", (), {"RUBYLIB": f"/nothing:{tree.root}/private"}) == [mine]
    assert tree.files("", (), {"RUBYLIB": f"{tree.root}/private", "RUBYOPT": "-rmine"}) == [mine]


@pytest.mark.parametrize(
    ("code", "programs"),
    [
        ("system('tar', 'xf', file)", ["tar"]),
        ('system("tar xf #{file}") or exit', ["tar"]),
        ("system 'cd x && tar xf y | sort > z; LANG=C git log'", ["tar", "sort", "git"]),
        ("system({ 'A' => 'b' }, 'git', 'log')", ["git"]),
        ("system('git log', out: File::NULL)", ["git"]),
        ("exec 'less', x; spawn('gzip', y); Process.spawn('sort')", ["less", "gzip", "sort"]),
        ("x = `git log`; %x(sort y); IO.popen(['gzip', '-d']) { |io| io.read }", ["git", "sort", "gzip"]),
        ("IO.popen('git log', 'r'); Open3.capture3('tar', 'x'); Open3.popen2e(\"sort #{x}\")", ["git", "tar", "sort"]),
        ("PAGER = 'less'; system(PAGER, x)", ["less"]),
        ("system('nothing-of-this-host'); system(cmd, 'tar'); system(\"#{cmd} tar\"); x.system('tar')", []),
    ],
)
def test_the_programs_that_are_executed_are_needed(code: str, programs: list[str], tree: RubyTree) -> None:
    assert [name for name in tree.programs(code) if name != "sh"] == programs


def test_each_requirement_says_what_it_is_needed_by(tree: RubyTree) -> None:
    tree.add("foo.rb", "require 'bar'; system('git', 'x')")
    tree.add("bar.rb")
    needs = tree.needs("require 'foo'")
    assert [(each.path, str(each.because)) for each in (*needs.files, *needs.programs)] == [
        (f"{tree.vendor}/foo.rb", f"required by {tree.root}/bin/script"),
        (f"{tree.vendor}/bar.rb", f"required by {tree.vendor}/foo.rb"),
        (f"{tree.root}/bin/git", f"executed by {tree.vendor}/foo.rb"),
    ]


def test_a_script_that_looks_up_users_needs_some(tree: RubyTree) -> None:
    assert tree.needs("name = Etc.getpwuid.name").names == {"users": f"{tree.root}/bin/script"}
    assert tree.needs("name = 'Etc.getpwuid'").names == {}


def test_gems_that_only_the_environment_of_this_run_finds_are_a_hint(
    tree: RubyTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.gems = tree.root / "bundle"
    tree.add_gem("main")
    monkeypatch.setenv("GEM_HOME", str(tree.gems))
    assert tree.files("require 'main'") == ["gems/main-1.2", "specifications/main-1.2.gemspec"]
    assert tree.needs("require 'main'").hints == [
        f"GEM_HOME={tree.gems}: {tree.root}/bin/script finds its gems by this variable, which the image must set"
    ]
    assert tree.needs("require 'main'", (), {"GEM_HOME": str(tree.gems)}).hints == []
    assert tree.needs("puts 1").hints == []


def test_with_whole_all_that_is_installed_is_needed(tree: RubyTree) -> None:
    tree.add_gem("main")
    assert [each.path for each in tree.needs("", whole=True).files] == [str(tree.vendor), str(tree.gems)]


def test_a_script_that_cannot_be_read_is_left_unread_with_a_warning(tree: RubyTree) -> None:
    tree.add("foo.rb")
    assert tree.files("require 'foo'\n\0") == []
    assert tree.files("require 'foo'\n__END__\n\0") == ["foo.rb"]
    assert tree.files("require 'foo'\n" + "system;" * MAX_PARTS) == []
    assert tree.sources.warnings() == [
        f"{tree.root}/bin/script is not read for what it needs: {why}"
        for why in ("it is not text", f"it has more than {MAX_PARTS} statements and strings")
    ]


def test_names_made_of_many_names_have_no_value(tree: RubyTree) -> None:
    pairs = zip("abcdef", "bcdefg", strict=True)
    many = "".join(f'{name} = "{f"#{{{inner}}}" * 1000}";' for name, inner in pairs)
    assert tree.files(f"{many} g = '/usr/share'; require \"#{{a}}/x\"") == []
    name = "x" * 200
    path = tree.add(tree.root / f"{name}/{name}/{name}.rb")
    assert tree.files(f"a = '{name}'; require \"{tree.root}/#{{a}}/#{{a}}/#{{a}}\"") == [path]


@pytest.mark.parametrize(
    "piece",
    ["'", '"\\', "%q{", "%w", '"#{', "#{", "<<A\n", "<<A1;", "{", "(((", "/", "=begin\n", "system ", "x = x + ", "a=b;",
     "`", "require (", "File.dirname ", "File.join(", "$", "#", "\\'", "$:<<", ":", "_", " \n", "?", '"#{"'],
)  # fmt: skip
def test_the_time_for_a_hostile_script_is_bounded(piece: str, tree: RubyTree) -> None:
    assert tree.has_bounded_time(piece)
