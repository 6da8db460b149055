"""What is found to be needed by Perl scripts, in small trees with a perl that has the names of its directories."""

from functools import partial
from pathlib import Path

import pytest

from magicpak.scripts.perl.facts import MAX_PARTS
from magicpak.scripts.perl.language import Perl
from magicpak.scripts.sources import Sources
from support import script_trees
from support.elf_files import make_elf
from support.script_trees import ScriptTree


class PerlTree(ScriptTree):
    """An installation of perl: a library that has strict.pm, one for the architecture, and one for other modules."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, Perl(), root / "bin/perl", root / "share/perl5")
        self.lib, self.arch = root / "lib/perl5/5.36", root / "lib/perl5/arch"
        self.vendor.mkdir(parents=True)
        self.add(self.lib / "strict.pm", "1;")
        self.add(self.arch / "Config.pm", "1;")
        strings = [self.vendor, self.arch, self.lib, "/5.36.0/x86_64-linux", "/dev/null", "/usr/lib/perl-nothing"]
        self.add(self.interpreter, b"\0".join([b"\x7fELF", *(str(each).encode() for each in strings), b""]))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PerlTree:
    made = PerlTree(tmp_path)
    monkeypatch.setenv("PATH", made.add_programs("sh", "tar", "gzip", "git", "sort", "less"))
    return made


library = partial(script_trees.library, Perl())


def test_the_library_is_what_has_strict_and_config(tree: PerlTree) -> None:
    assert library(tree.interpreter, tree.sources) == [str(tree.arch), str(tree.lib)]


def test_what_extensions_are_compiled_with_and_manuals_are_no_part_of_the_library(tree: PerlTree) -> None:
    tree.add(tree.arch / "CORE/perl.h")
    tree.add(tree.lib / "pod/perlop.pod")
    tree.add(tree.lib / "pod/perldiag.pod")
    assert library(tree.interpreter, tree.sources) == [
        f"{tree.arch}/Config.pm", f"{tree.lib}/pod/perldiag.pod", f"{tree.lib}/strict.pm",
    ]  # fmt: skip


def test_modules_of_others_inside_the_library_are_no_part_of_it(tmp_path: Path) -> None:
    lib, vendor = tmp_path / "share/perl5", tmp_path / "share/perl5/vendor_perl"
    vendor.mkdir(parents=True)
    (lib / "strict.pm").touch()
    (tmp_path / "perl").write_bytes(f"\0{vendor}\0{lib}:/nothing/perl\0".encode())
    assert library(tmp_path / "perl", Sources()) == [f"{lib}/strict.pm"]


def test_the_directories_of_a_perl_that_can_be_moved_begin_at_its_own(tmp_path: Path) -> None:
    (tmp_path / "perl/lib/5.36").mkdir(parents=True)
    (tmp_path / "perl/lib/5.36/strict.pm").touch()
    (tmp_path / "perl/bin").mkdir()
    (tmp_path / "perl/bin/perl").write_bytes(b"\0.../../lib/5.36\0")
    (tmp_path / "link").symlink_to("perl/bin/perl")
    assert library(tmp_path / "link", Sources()) == [str(tmp_path / "perl/lib/5.36")]


def test_a_library_of_perl_knows_the_directories(tmp_path: Path) -> None:
    (tmp_path / "perl5/CORE").mkdir(parents=True)
    (tmp_path / "perl5/strict.pm").touch()
    (tmp_path / "perl").write_bytes(make_elf(needed=["libperl.so.5.36"], runpath="$ORIGIN/perl5/CORE"))
    (tmp_path / "perl5/CORE/libperl.so.5.36").write_bytes(f"\x7fELF\0{tmp_path}/perl5\0".encode())
    assert library(tmp_path / "perl", Sources()) == [f"{tmp_path}/perl5/strict.pm"]


def test_a_perl_without_a_library_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "perl").write_bytes(b"\0/usr/lib\0")
    assert library(tmp_path / "perl", Sources()) == []


@pytest.mark.parametrize(
    "code",
    [
        "use Foo::Bar;",
        "use Foo::Bar 1.2 qw(x);",
        "no Foo::Bar;",
        "require Foo::Bar;",
        "eval { require Foo::Bar };",
        "eval{require Foo::Bar};",
        "eval 'use Foo::Bar; 1' or die;",
        "eval qq{ require Foo::Bar; };",
        "require 'Foo/Bar.pm';",
        'require "Foo/Bar.pm";',
        'my $x = "Foo"; require "$x/Bar.pm";',
        "do 'Foo/Bar.pm';",
        "use parent 'Foo::Bar';",
        "class Mine :isa(Foo::Bar 1.2) :strict(params);",
        "class Mine :does(Foo::Bar) { }",
        "class Mine isa Foo::Bar;",
        "use parent -norequire, 'Foo::Bar';",
        "use base qw(Exporter Foo::Bar);",
        "use if $] > 5, 'Foo::Bar' => 1;",
        "use if $^O eq 'linux', Foo::Bar => 1;",
        "use autouse 'Foo::Bar' => qw(x);",
        "Module::Load::load('Foo::Bar');",
        "extends 'Foo::Bar';",
        "with qw(Foo::Bar);",
        "package X { use Foo::Bar }",
        "if (1) { print 'x' } use Foo::Bar;",
        "print <<A . 'x'; use Foo::Bar;\nit's\nA\n",
        "print <<~'A';\n  it's\n  A\nuse Foo::Bar;",
        "print <<A, <<'B C';\n'\nA\n\"\nB C\nuse Foo::Bar;",
        "=pod\n\nit's\n\n=cut\n\nuse Foo::Bar;",
        "format STDOUT =\nit's\n.\nuse Foo::Bar;",
        "$x =~ s/'/\"/; use Foo::Bar;",
        "$x =~ s{'}\n # {\n {\"}gex; use Foo::Bar;",
        "split /'/, $x; use Foo::Bar;",
        "$a / 2; $h{'x'} / 2; f() / 2; use Foo::Bar;",
        "$h{s}; $h{y} = 1; (s => 1, y=>2, q => 3); -s 'x'; use Foo::Bar;",
        "tr/a'/b\"/; y/'/x/; m:': ; s:':x:g; use Foo::Bar;",
        "$#x; $#{$x}; $'; $\"; $/; use Foo::Bar;",
        "if (x) {\n}\n# What?\n/^'x/i and next; use Foo::Bar;",
        "q{a {nested} '}; qw'a b'; qq(\\)'); use Foo::Bar;",
        "isn't($x); use Foo::Bar;",
    ],
)
def test_a_module_is_imported_by(code: str, tree: PerlTree) -> None:
    tree.add("Foo/Bar.pm")
    assert tree.files(f"#!/usr/bin/perl\n{code}\n") == ["Foo/Bar.pm"]


@pytest.mark.parametrize(
    "code",
    [
        "# use Foo::Bar;",
        "print 'use Foo::Bar;';",
        'print "\nuse Foo::Bar;\n";',
        "print q{\nuse Foo::Bar;\n};",
        "print <<A;\nuse Foo::Bar;\nA\n",
        "print <<'A B';\nuse Foo::Bar;\nA B\n",
        "=head1 X\n\nuse Foo::Bar;\n",
        "=head1 X\n\nuse Foo::Bar;\n\n=cut\n",
        "__END__\nuse Foo::Bar;\n",
        "__DATA__\nuse Foo::Bar;\n",
        "$x =~ m{use Foo::Bar;};",
        "format STDOUT =\nuse Foo::Bar;\n.\n",
        "$o->require('Foo/Bar.pm');",
        "%h = (use => 'x');",
        "Foo::Bar->new;",
    ],
)
def test_a_module_is_not_imported_by(code: str, tree: PerlTree) -> None:
    tree.add("Foo/Bar.pm")
    assert tree.files(f"#!/usr/bin/perl\n{code}") == []


def test_a_module_brings_its_namespace_its_compiled_part_and_its_shared_files(tree: PerlTree) -> None:
    tree.add("Foo/Bar.pm", "use Other;")
    tree.add("Foo/Bar/Plugin/X.pm", "use Third;")
    tree.add("Foo/Unrelated.pm")
    tree.add("auto/Foo/Bar/Bar.so", b"\x7fELF\0Inner::Loaded\0")
    tree.add("auto/share/dist/Foo-Bar/data.txt", "")
    for name in ("Other.pm", "Third.pm", "Inner/Loaded.pm"):
        tree.add(name)
    assert tree.files("use Foo::Bar;") == [
        "Foo/Bar", "Foo/Bar.pm", "Inner/Loaded.pm", "Other.pm", "Third.pm", "auto/Foo/Bar",
        "auto/share/dist/Foo-Bar",
    ]  # fmt: skip


def test_what_the_library_imports_from_others_is_needed_too(tree: PerlTree) -> None:
    tree.add(tree.lib / "Net.pm", "eval { require Optional::Part }; system('git', 'x');")
    tree.add("Optional/Part.pm")
    assert tree.files("use Net;") == ["Optional/Part.pm"]
    assert tree.programs("use Net;") == []


def test_a_module_of_others_that_replaces_one_of_the_library_is_needed(tree: PerlTree) -> None:
    tree.add(tree.lib / "Newer.pm")
    tree.add("Newer.pm")
    assert tree.files("use Newer;") == ["Newer.pm"]


def test_a_namespace_whose_modules_are_named_at_run_time_is_needed(tree: PerlTree) -> None:
    tree.add("My/Plugin/A.pm", "use Dependency;")
    tree.add("Dependency.pm")
    assert tree.files('eval "require My::Plugin::$name";') == []
    assert tree.files('my $class = "My::Plugin::$name";') == ["Dependency.pm", "My/Plugin"]
    assert tree.files("load('My::Plugin::' . $name);") == ["Dependency.pm", "My/Plugin"]


@pytest.mark.parametrize(
    "code",
    [
        "use lib '{root}/private'; use Mine;",
        'use FindBin; use lib "$FindBin::Bin/../private"; use Mine;',
        "use FindBin qw($RealBin); use lib ($RealBin . '/../private'); use Mine;",
        "use File::Basename; use lib dirname(__FILE__) . '/../private'; use Mine;",
        "use Cwd 'abs_path'; use lib dirname(dirname(abs_path($0))) . '/private'; use Mine;",
        "use constant HERE => dirname realpath __FILE__; use lib HERE . '/../private'; use Mine;",
        "use constant {{ A => 1, TOP => '{root}' }}; use lib TOP . '/private'; use Mine;",
        "my $top = '{root}'; use lib File::Spec->catdir($top, 'private'); use Mine;",
        "my $dir = $ENV{{X}}; $dir = '{root}/private'; unshift @INC, $dir; use Mine;",
        "unshift @INC, ('/nothing', '{root}/private'); use Mine;",
        "use Mine; push(@INC, '{root}/private');",
        "require '{root}/private/Mine.pm';",
        "my $d = '{root}'; do \"$d/private/Mine.pm\";",
    ],
)
def test_a_directory_that_the_script_adds_is_searched(code: str, tree: PerlTree) -> None:
    private = tree.add(tree.root / "private/Mine.pm")
    assert tree.files(code.format(root=tree.root) if "{{" in code or "{root}" in code else code) == [private]


def test_directories_of_the_command_line_and_the_environment_are_searched(tree: PerlTree) -> None:
    module = tree.add(tree.root / "private/Mine.pm")
    compiled = tree.add(tree.root / "private/5.36.0/x86_64-linux/Compiled.pm")
    assert tree.files("use Mine; use Compiled;", [f"-I{tree.root}/private"]) == sorted([module, compiled])
    assert tree.files("use Mine;", ["-w", "-I", f"{tree.root}/private"]) == [module]
    assert tree.files("", [f"-wI{tree.root}/private -MMine=x"]) == [module]
    assert tree.files("use Mine;", (), {"PERL5LIB": f"/nothing:{tree.root}/private"}) == [module]
    assert tree.files("", (), {"PERL5LIB": f"{tree.root}/private", "PERL5OPT": "-mMine"}) == [module]


@pytest.mark.parametrize(
    ("code", "programs"),
    [
        ("system('tar', 'xf', $file);", ["tar"]),
        ("system 'tar', 'xf', $file or die;", ["tar"]),
        ('system("tar xf $file");', ["tar"]),
        ('system("cd x && tar xf y | sort > z; LANG=C git log");', ["tar", "sort", "git"]),
        ("exec { 'tar' } 'x', 'y';", ["tar"]),
        ("my $tar = 'tar'; exec $tar, 'x';", ["tar"]),
        ("my @x = `git log`; print qx{sort x};", ["git", "sort"]),
        ("open(my $f, '-|', 'git', 'log') or die;", ["git"]),
        ("open my $f, '-|', \"git log $x\";", ["git"]),
        ("open(F, 'git log |'); open F, \"| sort -u >$x\";", ["git", "sort"]),
        ("open(F, '<', 'git'); open(F, 'git');", []),
        ("run(['gzip', '-d'], \\$in); open3($a, $b, $c, 'tar', 'x');", ["gzip", "tar"]),
        ("spawn(exec => ['tar', 'x']);", ["tar"]),
        ("use constant PAGER => 'less'; system(PAGER, 'x');", ["less"]),
        ("system('nothing-of-this-host x'); system($cmd, 'tar'); system(\"$cmd tar\");", []),
        ("$self->system('tar'); print 'system(\"tar\")'; # system('tar')", []),
    ],
)
def test_the_programs_that_are_executed_are_needed(code: str, programs: list[str], tree: PerlTree) -> None:
    assert [name for name in tree.programs(code) if name != "sh"] == programs


def test_what_has_characters_of_the_shell_is_executed_by_a_shell(tree: PerlTree) -> None:
    assert tree.needs("system 'tar xf y | sort';").programs[0].path == "/bin/sh"
    assert [Path(each.path).name for each in tree.needs("system 'tar xf y';").programs] == ["tar"]


def test_each_requirement_says_what_it_is_needed_by(tree: PerlTree) -> None:
    tree.add("Foo.pm", "use Bar; system('git', 'x');")
    tree.add("Bar.pm")
    needs = tree.needs("use Foo;")
    assert [(each.path, str(each.because)) for each in (*needs.files, *needs.programs)] == [
        (f"{tree.vendor}/Foo.pm", f"used by {tree.root}/bin/script"),
        (f"{tree.vendor}/Bar.pm", f"used by {tree.vendor}/Foo.pm"),
        (f"{tree.root}/bin/git", f"executed by {tree.vendor}/Foo.pm"),
    ]


def test_a_program_that_is_only_named_is_a_hint(tree: PerlTree) -> None:
    git = f"{tree.root}/bin/git"
    assert tree.needs(f"my %tools = (vcs => '{git}');").hints == [
        f"--include {git}: {tree.root}/bin/script may execute it"
    ]
    assert tree.needs(f"my %tools = (vcs => '{git}'); system('{git}', 'log');").hints == []


def test_a_script_that_prints_its_manual_needs_perldoc(tree: PerlTree) -> None:
    assert tree.programs("use Pod::Usage; pod2usage(-verbose => 2);") == []
    tree = PerlTree(tree.root / "other")
    perldoc = Path(tree.add(tree.root / "bin/perldoc"))
    perldoc.chmod(0o755)
    needs = tree.needs("use Pod::Usage; pod2usage(-verbose => 2);")
    assert [each.path for each in needs.programs] == [str(perldoc)]


def test_a_script_that_looks_up_users_needs_some(tree: PerlTree) -> None:
    users = {"users": f"{tree.root}/bin/script"}
    assert tree.needs("my $name = getpwuid($<); my @all = getpwnam 'x';").names == users
    assert tree.needs("my $name = $self->getpwuid; # getpwnam").names == {}


def test_with_whole_all_that_is_installed_is_needed(tree: PerlTree) -> None:
    assert [each.path for each in tree.needs("", whole=True).files] == [str(tree.vendor)]


def test_a_script_that_is_no_text_is_left_unread_with_a_warning(tree: PerlTree) -> None:
    tree.add("Foo.pm")
    assert tree.files(b"use Foo;\0") == []
    assert tree.files(b"use Foo;\n__END__\n\0\xff") == ["Foo.pm"]
    assert tree.files(b"# \xff\xfe\nuse Foo;") == ["Foo.pm"]
    assert tree.sources.warnings() == [f"{tree.root}/bin/script is not read for what it needs: it is not text"]


@pytest.mark.parametrize(
    "piece",
    ["'", '"\\', "q{", "s{", "tr", "<<A\n", "<<A1;", "{", "(((", "/", "=pod\n", "eval '", "system ", "$x = $x . ",
     "a=b;", "`", "use lib (", "dirname ", "q\\", "$", "#", "\\'", "push ", "y ", "::", "_", " \n", '"$x'],
)  # fmt: skip
def test_the_time_for_a_hostile_script_is_bounded(piece: str, tree: PerlTree) -> None:
    assert tree.has_bounded_time(piece)


def test_scalars_made_of_many_scalars_have_no_value(tree: PerlTree) -> None:
    many = "".join(f'${name} = "{f"${inner}" * 1000}";' for name, inner in zip("abcdef", "bcdefg", strict=True))
    assert tree.files(f"{many} $g = '/usr/share'; require \"$a/x.pl\";") == []
    name = "x" * 200
    path = tree.add(tree.root / f"{name}/{name}/{name}.pl")
    assert tree.files(f"$a = '{name}'; require \"{tree.root}/$a/$a/$a.pl\";") == [path]


def test_a_script_of_too_many_parts_is_left_unread_with_a_warning(tree: PerlTree) -> None:
    tree.add("Foo.pm")
    assert tree.files("use Foo;" + "system;" * MAX_PARTS) == []
    assert tree.sources.warnings() == [
        f"{tree.root}/bin/script is not read for what it needs: it has more than {MAX_PARTS} statements and strings"
    ]


def test_a_constant_is_a_program_where_that_is_expected_or_it_has_arguments(tree: PerlTree) -> None:
    tree.sources.expect(["git", "less"], [])
    code = "run([ 'sort', $file ]); which('git'); $x = 'gzip -d'; for (qw(less tar)) {} print 'tar of a thing';"
    assert sorted(tree.programs(code)) == ["git", "gzip", "less", "sort"]


def test_a_module_that_another_names_counts_only_if_the_packages_of_the_system_need_it(tree: PerlTree) -> None:
    needed = [tree.add("A.pm", "eval { require B }; eval { require C }; 1;"), tree.add("B.pm")]
    for name in ("C.pm", "D.pm"):
        tree.add(name)
    tree.sources.expect([], [], needed)
    assert tree.files("use A; use D;") == ["A.pm", "B.pm", "D.pm"]
