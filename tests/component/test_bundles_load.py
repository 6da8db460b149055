"""Bundles whose programs find, with nothing else around them, the very libraries that they find on the host."""

import os
import subprocess
from functools import partial
from pathlib import Path

import pytest

from magicpak.elf.facts import DF_1_NODEFLIB, FileType
from magicpak.errors import MagicpakError
from magicpak.ldso.cache import CacheEntry, make_cache, parse_cache
from magicpak.ldso.resolver import Resolver
from magicpak.options import Options
from support.elf_files import X86_64_EXIT_0, make_elf
from support.loader_oracle import (
    GLIBC,
    MUSL,
    Bundle,
    LibraryTree,
    World,
    below,
    bundled,
    contents,
    found,
    inside,
    listed,
    listed_by_musl,
)
from support.run_magicpak import magicpak

pytestmark = [
    pytest.mark.needs("root", "chroot"),
    pytest.mark.skipif(not os.path.exists(GLIBC), reason=f"there is no {GLIBC}"),
]

LOADER = GLIBC.lstrip("/")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def options(*inputs: str, library_path: str = "", install_to: str | None = None, hwcaps: bool = True) -> Options:
    return Options(
        inputs,
        "/bundle",
        resolver=Resolver.STATIC,
        library_path=library_path,
        install_to=install_to,
        hwcaps=hwcaps,
    )


def loaded(world: World, program: str, *, library_path: str | None = None) -> dict[str, bytes]:
    """Return what the real loader loads for `program` on the host: the bytes that each name leads to."""
    show = world.root / "proc/self/exe"
    show.parent.mkdir(parents=True, exist_ok=True)
    show.unlink(missing_ok=True)
    show.symlink_to(os.path.realpath(world / program[1:]).removeprefix(str(world.root)))
    return inside(world.root, lambda: contents(listed(program, library_path=library_path)))


def cached(bundle: Bundle) -> dict[str, list[str]]:
    data = (bundle.root / "etc/ld.so.cache").read_bytes()
    return {name: [entry.path for entry in entries] for name, entries in parse_cache(data).items()}


class TestOutsideTheDefaultDirectories:
    def test_what_the_cache_led_to_is_in_a_cache_of_the_bundle(self, world: World) -> None:
        world.library("usr/local/lib/liba.so.1", soname="liba.so.1", needed=["libb.so.10"])
        world.library("opt/b/libb.so.10", soname="libb.so.10", needed=["libdefault.so"])
        world.library("opt/b/libunneeded.so", soname="libunneeded.so")
        world.library("lib/libdefault.so", soname="libdefault.so")
        world.program("app", needed=["liba.so.1"])
        world.ldconfig("/usr/local/lib", "/opt/b")
        bundle = bundled(world, options("/app"))
        assert bundle.loads("/app") == loaded(world, "/app")
        assert cached(bundle) == {"liba.so.1": ["/usr/local/lib/liba.so.1"], "libb.so.10": ["/opt/b/libb.so.10"]}
        assert bundle.runs("/app")
        assert len(bundle.warnings) == 1
        assert bundle.warnings[0].startswith("created /etc/ld.so.cache so that the loader finds the same libraries")

    def test_what_is_in_default_directories_needs_no_cache(self, world: World) -> None:
        world.library("lib/liba.so", soname="liba.so", needed=["libb.so"])
        world.library("usr/lib/x86_64-linux-gnu/libb.so", soname="libb.so")
        world.program("app", needed=["liba.so"])
        world.ldconfig()
        bundle = bundled(world, options("/app"))
        expected = {"/app", "/lib/liba.so", "/usr/lib/x86_64-linux-gnu/libb.so", GLIBC}
        assert (below(bundle.root), bundle.warnings) == (expected, ())
        assert bundle.runs("/app")

    def test_what_ld_library_path_led_to_is_found_without_it(self, world: World) -> None:
        world.library("opt/liba.so", needed=["libb.so"])
        world.library("opt/libb.so")
        world.library("lib/libb.so")
        world.program("app", needed=["liba.so"])
        bundle = bundled(world, options("/app", library_path="/opt"))
        assert bundle.loads("/app") == loaded(world, "/app", library_path="/opt")
        assert bundle.runs("/app")

    def test_what_a_relative_runpath_led_to_is_found_from_anywhere(self, world: World) -> None:
        world.library("work/lib/liba.so")
        world.program("work/app", needed=["liba.so"], runpath="lib")
        bundle = bundled(world, options("/work/app"), cwd="/work")
        assert bundle.runs("/work/app")

    def test_what_has_another_file_name_than_is_asked_for_is_found(self, world: World) -> None:
        """The cache leads from the soname to a file of another name."""
        world.library("lib/liba-1.2.3.so", soname="liba.so.1")
        entry = CacheEntry("liba.so.1", "/lib/liba-1.2.3.so", 0x303)
        world.add("etc/ld.so.cache", make_cache([entry], little=True))
        world.program("app", needed=["liba.so.1"])
        bundle = bundled(world, options("/app"))
        assert bundle.loads("/app") == loaded(world, "/app")

    def test_nodeflib_is_served_from_the_cache(self, world: World) -> None:
        world.library("opt/liba.so", soname="liba.so")
        world.ldconfig("/opt")
        world.program("app", needed=["liba.so"], flags_1=DF_1_NODEFLIB)
        bundle = bundled(world, options("/app"))
        assert bundle.loads("/app") == loaded(world, "/app")

    def test_nodeflib_cannot_be_served_from_below_a_default_directory(self, world: World) -> None:
        world.library("usr/lib/deep/liba.so")
        world.program("app", needed=["liba.so"], flags_1=DF_1_NODEFLIB)
        with pytest.raises(MagicpakError, match=r"MagicpakError: /app excludes the default directories"):
            bundled(world, options("/app", library_path="/usr/lib/deep"))
        assert not (world.root / "bundle").exists()


class TestOrigin:
    def test_a_moved_program_takes_along_what_is_found_through_its_origin(self, world: World) -> None:
        world.library("opt/app/lib/liba.so", needed=["libb.so"], runpath="$ORIGIN/deep")
        world.library("opt/app/lib/deep/libb.so")
        world.program("opt/app/bin/app", needed=["liba.so"], runpath="$ORIGIN/../lib")
        bundle = bundled(world, options("/opt/app/bin/app", install_to="/bin/"))
        assert bundle.loads("/bin/app") == loaded(world, "/opt/app/bin/app")
        assert below(bundle.root) >= {"/bin/app", "/lib/liba.so", "/lib/deep/libb.so"}
        assert bundle.runs("/bin/app")

    def test_a_moved_programs_other_libraries_stay(self, world: World) -> None:
        world.library("opt/lib/liba.so")
        world.program("opt/app", needed=["liba.so"], runpath="/opt/lib")
        bundle = bundled(world, options("/opt/app", install_to="/deep/in/app"))
        assert below(bundle.root) == {"/deep/in/app", "/opt/lib/liba.so", GLIBC}
        assert bundle.runs("/deep/in/app")

    def test_variants_for_processors_move_along_with_what_they_need(self, world: World) -> None:
        world.library("opt/lib/liba.so")
        variant = "opt/lib/glibc-hwcaps/x86-64-v2"
        world.library(f"{variant}/liba.so", needed=["libfast.so"], runpath="$ORIGIN")
        world.library(f"{variant}/libfast.so")
        world.program("opt/app", needed=["liba.so"], runpath="$ORIGIN/lib")
        bundle = bundled(world, options("/opt/app", install_to="/app"))
        assert bundle.loads("/app") == loaded(world, "/opt/app")
        names = {"liba.so", "glibc-hwcaps/x86-64-v2/liba.so", "glibc-hwcaps/x86-64-v2/libfast.so"}
        assert below(bundle.root) >= {f"/lib/{name}" for name in names}

    def test_a_relative_input_keeps_what_is_beside_it(self, world: World) -> None:
        world.library("home/me/lib/liba.so")
        world.program("home/me/app", needed=["liba.so"], runpath="$ORIGIN/lib")
        bundle = bundled(world, options("./app"), cwd="/home/me")
        assert bundle.loads("/app") == loaded(world, "/home/me/app")
        assert bundle.runs("/app")

    def test_an_input_that_is_a_link_finds_what_its_file_finds(self, world: World) -> None:
        world.library("opt/lib/liba.so")
        world.program("opt/app", needed=["liba.so"], runpath="$ORIGIN/lib")
        world.link("bin/run", "../opt/app")
        bundle = bundled(world, options("/bin/run"))
        assert {"/bin/run", "/opt/app", "/opt/lib/liba.so"} <= below(bundle.root)
        assert bundle.loads("/opt/app") == loaded(world, "/opt/app")


def refusal_of_two_libraries_of_one_name(world: World) -> str:
    """Return why two programs are refused of which the second is setuid, and so finds another library of that name."""
    world.library("opt/liba.so")
    world.library("usr/lib/liba.so")
    world.program("one", needed=["liba.so"])
    world.program("two", needed=["liba.so"])
    os.chmod(world / "two", 0o4755)
    with pytest.raises(MagicpakError) as caught:
        bundled(world, options("/one", "/two", library_path="/opt"))
    assert not (world.root / "bundle").exists()
    return "\n".join((str(caught.value), *caught.value.details, *caught.value.hints))


class TestNames:
    @pytest.mark.parametrize("is_link", [True, False])
    def test_a_second_name_of_one_file_is_there_and_is_one_file(self, world: World, *, is_link: bool) -> None:
        world.library("lib/liba.so")
        if is_link:
            world.link("lib/libb.so", "liba.so")
        else:
            os.link(world / "lib/liba.so", world / "lib/libb.so")
        world.program("app", needed=["liba.so", "libb.so"])
        bundle = bundled(world, options("/app"))
        assert bundle.runs("/app")
        first, second = bundle.root / "lib/liba.so", bundle.root / "lib/libb.so"
        assert (first.stat().st_ino, second.is_symlink()) == (second.stat().st_ino, is_link)

    def test_two_programs_with_two_libraries_of_one_name_are_refused_with_nothing_written(self, world: World) -> None:
        """One finds it by the cache, the other in a default directory: a cache would lead both to the first."""
        text = refusal_of_two_libraries_of_one_name(world)
        assert text.splitlines() == [
            "LibrariesMissing: in an empty image /two would not load the same libraries as on the host",
            "/two: liba.so is /opt/liba.so in the bundle, but /usr/lib/liba.so on the host, needed by /two",
            "programs need different files named liba.so: bundle them separately, or give them a RUNPATH",
            "--no-verify writes the bundle anyway",
        ]

    def test_two_programs_that_find_each_its_own_by_runpath_are_not(self, world: World) -> None:
        for name in ("one", "two"):
            world.library(f"opt/{name}/liba.so")
            world.program(f"opt/{name}/app", needed=["liba.so"], runpath="$ORIGIN")
        bundle = bundled(world, options("/opt/one/app", "/opt/two/app"))
        for name in ("one", "two"):
            assert bundle.loads(f"/opt/{name}/app") == loaded(world, f"/opt/{name}/app")

    def test_two_libraries_of_one_name_for_one_place_are_refused(self, world: World) -> None:
        for name in ("one", "two"):
            world.library(f"opt/{name}/liba.so")
            world.program(f"opt/{name}/{name}", needed=["liba.so"], runpath="$ORIGIN")
        with pytest.raises(MagicpakError, match=r"/bin/liba\.so"):
            bundled(world, options("/opt/one/one", "/opt/two/two", install_to="/bin/"))
        assert not (world.root / "bundle").exists()

    def test_all_that_is_missing_is_told_at_once(self, world: World) -> None:
        world.library("lib/liba.so", needed=["libx.so"])
        world.program("app", needed=["liba.so", "liby.so"])
        with pytest.raises(MagicpakError, match=r"^LibrariesMissing: 2 libraries are missing: liby\.so, libx\.so$"):
            bundled(world, options("/app"))


class TestProcessors:
    def test_variants_outside_the_default_directories_are_in_the_cache(self, world: World) -> None:
        world.library("opt/liba.so", soname="liba.so")
        world.library("opt/glibc-hwcaps/x86-64-v2/liba.so", soname="liba.so")
        world.ldconfig("/opt")
        world.program("app", needed=["liba.so"])
        bundle = bundled(world, options("/app"))
        assert bundle.loads("/app") == loaded(world, "/app")
        assert cached(bundle) == {"liba.so": ["/opt/glibc-hwcaps/x86-64-v2/liba.so", "/opt/liba.so"]}
        for mask in ("none", "x86-64-v2"):
            look = partial(listed, "/app", mask=mask)
            assert inside(bundle.root, look) == inside(world.root, look)

    def test_a_variant_without_a_baseline_stays_one(self, world: World) -> None:
        """In the cache as a library for any processor, older ones would run what they cannot."""
        world.library("opt/glibc-hwcaps/x86-64-v2/liba.so", soname="liba.so")
        world.library("opt/glibc-hwcaps/x86-64-v3/liba.so", soname="liba.so")
        world.ldconfig("/opt")
        world.program("app", needed=["liba.so"])
        bundle = bundled(world, options("/app"))
        for mask in ("none", "x86-64-v2", "x86-64-v2:x86-64-v3"):
            look = partial(listed, "/app", mask=mask)
            assert inside(bundle.root, look) == inside(world.root, look)

    def test_an_entry_of_the_hosts_cache_whose_file_is_gone_is_not_in_that_of_the_bundle(self, world: World) -> None:
        """Processors that it is for would not look at the other entries."""
        world.library("opt/liba.so", soname="liba.so")
        world.library("opt/glibc-hwcaps/x86-64-v3/liba.so", soname="liba.so")
        world.ldconfig("/opt")
        (world.root / "opt/glibc-hwcaps/x86-64-v3/liba.so").unlink()
        world.program("app", needed=["liba.so"])
        bundle = bundled(world, options("/app"))
        for mask in ("none", "x86-64-v3"):
            assert inside(bundle.root, partial(listed, "/app", mask=mask)) == found(("liba.so", "/opt/liba.so"))

    def test_what_only_some_processors_look_for_is_there_for_them(self, world: World) -> None:
        """On those, nothing has the name of libb.so, and what libc1.so finds is in another directory."""
        world.library("lib/liba.so", soname="libb.so", needed=["libc1.so"], runpath="/one")
        world.library("lib/glibc-hwcaps/x86-64-v3/liba.so", needed=["libc1.so"], runpath="/two")
        world.library("lib/libb.so")
        world.library("one/libc1.so")
        world.library("two/libc1.so", needed=["libd.so"], runpath="$ORIGIN/deep")
        world.library("two/deep/libd.so")
        world.program("app", needed=["liba.so", "libb.so"], runpath="/lib")
        bundle = bundled(world, options("/app"))
        assert below(bundle.root) >= {"/lib/libb.so", "/one/libc1.so", "/two/libc1.so", "/two/deep/libd.so"}
        for mask in ("none", "x86-64-v2", "x86-64-v3"):
            look = partial(listed, "/app", mask=mask)
            assert inside(bundle.root, look) == inside(world.root, look)

    def test_what_only_some_processors_find_through_origin_moves_along(self, world: World) -> None:
        world.library("opt/lib/liba.so", soname="libb.so")
        world.library("opt/lib/glibc-hwcaps/x86-64-v3/liba.so")
        world.library("opt/lib/libb.so")
        world.program("opt/app", needed=["liba.so", "libb.so"], runpath="$ORIGIN/lib")
        bundle = bundled(world, options("/opt/app", install_to="/app"))
        assert "/lib/libb.so" in below(bundle.root)

    def test_what_only_some_processors_miss_is_missing(self, world: World) -> None:
        world.library("lib/liba.so", soname="libb.so")
        world.library("lib/glibc-hwcaps/x86-64-v3/liba.so")
        world.program("app", needed=["liba.so", "libb.so"], runpath="/lib")
        with pytest.raises(MagicpakError, match=r"a library is missing: libb\.so"):
            bundled(world, options("/app"))
        assert bundled(world, options("/app", hwcaps=False)).runs("/app")

    def test_without_variants_the_baseline_alone_is_there(self, world: World) -> None:
        world.library("opt/liba.so", soname="liba.so")
        world.library("opt/glibc-hwcaps/x86-64-v2/liba.so", soname="liba.so")
        world.ldconfig("/opt")
        world.program("app", needed=["liba.so"])
        bundle = bundled(world, options("/app", hwcaps=False))
        assert below(bundle.root) == {"/app", "/opt/liba.so", "/etc/ld.so.cache", GLIBC}
        assert bundle.runs("/app")


class TestInterpreters:
    def test_one_with_a_path_of_its_own_is_taken_along(self, tmp_path: Path) -> None:
        world = World(tmp_path, "/opt/loaders/ld.so")
        world.library("opt/liba.so", soname="liba.so")
        world.ldconfig("/opt")
        world.program("app", needed=["liba.so", "libb.so"])
        world.library("usr/lib/libb.so")
        bundle = bundled(world, options("/app"))
        assert bundle.runs("/app")
        assert "/opt/loaders/ld.so" in below(bundle.root)

    def test_links_on_the_way_to_it_stay_links(self, world: World) -> None:
        os.rename(world / "lib64", world / "really")
        os.symlink("really", world / "lib64")
        world.program("app")
        bundle = bundled(world, options("/app"))
        assert below(bundle.root) == {"/app", "/lib64", "/really/ld-linux-x86-64.so.2"}
        assert bundle.runs("/app")

    def test_what_is_preloaded_on_the_host_is_preloaded_in_the_bundle(self, world: World) -> None:
        world.library("opt/libpre.so", needed=["libx.so"])
        world.library("usr/lib/libx.so")
        world.add("etc/ld.so.preload", b"/opt/libpre.so\n")
        world.program("app", needed=["libx.so"])
        bundle = bundled(world, options("/app"))
        assert bundle.loads("/app") == loaded(world, "/app")
        assert set(bundle.loads("/app")) == {"/opt/libpre.so", "libx.so"}

    @pytest.mark.parametrize("file_type", [FileType.EXEC, FileType.DYN])
    @pytest.mark.parametrize("dynamic", [True, False])
    def test_a_program_without_one_stands_alone(self, world: World, file_type: FileType, *, dynamic: bool) -> None:
        world.add("app", make_elf(type=file_type, code=X86_64_EXIT_0, dynamic=dynamic))
        bundle = bundled(world, options("/app"))
        assert below(bundle.root) == {"/app"}
        assert bundle.runs("/app")


class TestMusl:
    pytestmark = pytest.mark.skipif(not os.path.exists(MUSL), reason=f"there is no {MUSL}: install musl")

    @pytest.fixture
    def world(self, tmp_path: Path) -> World:
        world = World(tmp_path, GLIBC)
        LibraryTree.__init__(world, tmp_path, MUSL)
        world.add(MUSL.lstrip("/"), Path(MUSL).read_bytes())
        return world

    def agreed(self, world: World, bundle: Bundle, program: str, library_path: str | None = None) -> dict[str, bytes]:
        """Return what musl loads in the bundle, after it is held against what it loads on the host."""
        on_host = inside(world.root, lambda: contents(listed_by_musl(program, library_path=library_path)))
        in_bundle = inside(bundle.root, lambda: contents(listed_by_musl(program)))
        assert in_bundle == on_host
        assert bundle.runs(program)
        return in_bundle

    def test_default_directories_need_no_path_file(self, world: World) -> None:
        world.library("usr/local/lib/liba.so", needed=["libb.so"])
        world.library("usr/lib/libb.so")
        world.program("app", needed=["liba.so", "libc.so"])
        bundle = bundled(world, options("/app"))
        assert set(self.agreed(world, bundle, "/app")) == {"liba.so", "libb.so"}
        assert below(bundle.root) == {"/app", "/usr/local/lib/liba.so", "/usr/lib/libb.so", MUSL, "/proc/self/exe"}

    def test_the_hosts_path_file_is_there_as_far_as_it_is_needed(self, world: World) -> None:
        world.library("opt/b/liba.so", needed=["libb.so"])
        world.library("opt/a/libb.so")
        world.library("usr/lib/libc1.so")
        world.library("usr/lib/libb.so")
        world.add("etc/ld-musl-x86_64.path", b"/nowhere\n/opt/b\n/opt/a\n/usr/lib\n")
        world.program("app", needed=["liba.so", "libc1.so"])
        bundle = bundled(world, options("/app"))
        self.agreed(world, bundle, "/app")
        text = (bundle.root / "etc/ld-musl-x86_64.path").read_text()
        assert text.splitlines()[:3] == ["/opt/b", "/opt/a", "/usr/lib"]

    def test_what_ld_library_path_led_to_is_found_without_it(self, world: World) -> None:
        world.library("opt/liba.so")
        world.library("lib/liba.so")
        world.library("lib/libb.so")
        world.program("app", needed=["liba.so", "libb.so"])
        bundle = bundled(world, options("/app", library_path="/opt"))
        self.agreed(world, bundle, "/app", library_path="/opt")

    def test_two_programs_with_two_libraries_of_one_name_are_refused_with_nothing_written(self, world: World) -> None:
        assert "liba.so" in refusal_of_two_libraries_of_one_name(world)

    def test_rpath_comes_before_the_path_file_and_libraries_that_inherit_it_load(self, world: World) -> None:
        world.library("opt/lib/liba.so", needed=["libb.so"])
        world.library("opt/lib/libb.so")
        world.program("opt/app", needed=["liba.so"], runpath="$ORIGIN/lib")
        bundle = bundled(world, options("/opt/app", install_to="/bin/app"))
        assert below(bundle.root) == {"/bin/app", "/bin/lib/liba.so", "/bin/lib/libb.so", MUSL}
        assert bundle.runs("/bin/app")


@pytest.mark.needs("compiler", "patchelf")
def test_a_real_program_says_the_same_and_runs_each_constructor_once(tmp_path: Path) -> None:
    """Compiled, with libc: its library has two names, is found through LD_LIBRARY_PATH, and speaks."""
    speaks = '#include <unistd.h>\n__attribute__((constructor)) static void speak(void) { write(1, "once\\n", 5); }'
    (tmp_path / "lib.c").write_text(f"{speaks}\nint f(void) {{ return 7; }}")
    (tmp_path / "app.c").write_text("int f(void); int main(void) { return f(); }")
    own, app, out = tmp_path / "own", str(tmp_path / "app"), tmp_path / "bundle"
    own.mkdir()
    for command in (
        ["cc", "-w", "-shared", "-fPIC", "-Wl,-soname,libf.so.1", "-o", f"{own}/libf.so.1", f"{tmp_path}/lib.c"],
        ["ln", "-s", "libf.so.1", f"{own}/libsecond.so"],
        ["cc", "-o", app, f"{tmp_path}/app.c", f"-L{own}", "-l:libf.so.1"],
        ["patchelf", "--add-needed", "libsecond.so", app],
    ):
        subprocess.run(command, check=True)
    environment = {"LD_LIBRARY_PATH": str(own)}
    on_host = subprocess.run([app], env=environment, capture_output=True, check=False)
    assert magicpak("--resolver", "static", app, out, env=environment).code == 0
    in_bundle = subprocess.run(["/usr/sbin/chroot", out, app], env={}, capture_output=True, check=False)
    assert (on_host.returncode, on_host.stdout) == (in_bundle.returncode, in_bundle.stdout) == (7, b"once\n")
