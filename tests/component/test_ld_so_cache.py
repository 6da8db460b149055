"""ld.so.cache: what we read is what ldconfig reads, and what we write is what the loader finds."""

import os
import random
import re
import struct
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from magicpak.elf.cache import ElfCache
from magicpak.ldso.cache import MAX_CACHE, CacheEntry, make_cache, parse_cache
from magicpak.ldso.factory import emulated_loaders
from support.loader_oracle import GLIBC, World, inside, listed

HOST = "/etc/ld.so.cache"
X86_64, I386 = 0x303, 0x3
ENTRIES = [
    CacheEntry("liba.so.1", "/opt/liba.so.1", X86_64),
    CacheEntry("liba.so.1", "/opt/glibc-hwcaps/x86-64-v3/liba.so.1", X86_64, "x86-64-v3"),
    CacheEntry("liba.so.1", "/opt/32/liba.so.1", I386),
    CacheEntry("libb.so", "/opt/\udcff/libb.so", X86_64),
]


def printed(cache: Path | str) -> list[tuple[str, str]]:
    """Return the names and paths that ldconfig shows for a cache, in its order."""
    command = ["/sbin/ldconfig", "-p", "-C", cache]
    output = subprocess.run(command, check=True, capture_output=True, env={"LC_ALL": "C"}).stdout
    return re.findall(r"^\t(.*) \(.*\) => (.*)$", os.fsdecode(output), re.MULTILINE)


def by_name(entries: list[CacheEntry]) -> dict[str, set[CacheEntry]]:
    return {entry.name: {each for each in entries if each.name == entry.name} for entry in entries}


def read_back(data: bytes) -> dict[str, set[CacheEntry]]:
    return {name: set(entries) for name, entries in parse_cache(data).items()}


def old_cache(entries: list[CacheEntry], order: str) -> bytes:
    """Return `entries` in the format of libc5 and glibc 2.0 and 2.1: positions count from the end of the entries."""
    strings, table = b"", b""
    for entry in entries:
        name, path = os.fsencode(entry.name) + b"\0", os.fsencode(entry.path) + b"\0"
        table += struct.pack(order + "iII", entry.flags, len(strings), len(strings) + len(name))
        strings += name + path
    return b"ld.so-1.7.0\0" + struct.pack(order + "I", len(entries)) + table + strings


def both_formats(entries: list[CacheEntry], order: str) -> bytes:
    """Return the old format with the new one as its first string, as ldconfig -c compat writes it."""
    table = struct.pack(order + "iII", X86_64, 0, 0)
    head = b"ld.so-1.7.0\0" + struct.pack(order + "I", 1) + table
    head += bytes(-len(head) % 8)
    new = bytearray(make_cache(entries, little=order == "<"))
    (extension,) = struct.unpack_from(order + "I", new, 32)
    (hwcaps,) = struct.unpack_from(order + "I", new, extension + 16)
    struct.pack_into(order + "I", new, 32, extension + len(head))  # these two count from the start of the file
    struct.pack_into(order + "I", new, extension + 16, hwcaps + len(head))
    return head + new


class TestReading:
    @pytest.mark.skipif(not os.path.exists(HOST), reason=f"there is no {HOST}")
    def test_the_hosts_cache_is_what_ldconfig_shows(self) -> None:
        shown: dict[str, list[str]] = {}
        for name, path in printed(HOST):
            shown.setdefault(name, []).append(path)
        mine = {name: [each.path for each in entries] for name, entries in parse_cache(Path(HOST).read_bytes()).items()}
        assert mine == shown

    @pytest.mark.parametrize("form", ["new", "compat", "old"])
    @pytest.mark.needs("chroot")
    def test_each_format_of_ldconfig_is_read(self, tmp_path: Path, form: str) -> None:
        world = World(tmp_path)
        world.library("opt/liba.so.1", soname="liba.so.1")
        world.library("opt/glibc-hwcaps/x86-64-v3/liba.so.1", soname="liba.so.1")
        world.add("etc/ld.so.conf", b"/opt\n")
        subprocess.run(["/sbin/ldconfig", "-X", "-c", form, "-r", tmp_path], check=True, capture_output=True)
        baseline = CacheEntry("liba.so.1", "/opt/liba.so.1", X86_64)
        variant = CacheEntry("liba.so.1", "/opt/glibc-hwcaps/x86-64-v3/liba.so.1", X86_64, "x86-64-v3")
        expected = [variant._replace(hwcaps=None) if form == "old" else variant, baseline]
        assert parse_cache((tmp_path / "etc/ld.so.cache").read_bytes())["liba.so.1"] == expected

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_both_byte_orders_are_read_in_each_format(self, order: str) -> None:
        baseline = [entry for entry in ENTRIES if entry.hwcaps is None]
        assert read_back(make_cache(ENTRIES, little=order == "<")) == by_name(ENTRIES)
        assert read_back(both_formats(ENTRIES, order)) == by_name(ENTRIES)
        assert read_back(old_cache(baseline, order)) == by_name(baseline)

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_before_glibc_2_33_the_header_did_not_tell_the_byte_order(self, order: str) -> None:
        data = bytearray(make_cache(ENTRIES[2:], little=order == "<"))
        data[28] = 0
        assert read_back(bytes(data)) == by_name(ENTRIES[2:])

    def test_a_level_that_a_file_demands_is_no_part_of_its_directory(self) -> None:
        """glibc 2.36 keeps the x86 level of a file's notes in the mask, beside the number of the directory."""
        data = bytearray(make_cache(ENTRIES[:2], little=True))
        masks = [48 + 24 * index + 16 for index in range(2)]
        assert struct.unpack_from("<Q", data, masks[0]) == (1 << 62,)
        struct.pack_into("<Q", data, masks[0], 1 << 62 | 3 << 32)
        assert read_back(bytes(data)) == by_name(ENTRIES[:2])

    def test_an_old_mask_of_hardware_is_a_variant_without_a_name(self) -> None:
        data = bytearray(make_cache(ENTRIES[3:], little=True))
        struct.pack_into("<Q", data, 48 + 16, 1 << 20)
        assert read_back(bytes(data)) == by_name([ENTRIES[3]._replace(hwcaps="")])


class TestHostile:
    CACHES = tuple(
        make(entries, order)
        for order in "<>"
        for make, entries in (
            (lambda entries, order: make_cache(entries, little=order == "<"), ENTRIES),
            (both_formats, ENTRIES),
            (old_cache, ENTRIES[2:]),
        )
    )

    @pytest.mark.parametrize("data", CACHES)
    def test_what_is_cut_off_anywhere_is_read_as_far_as_it_goes(self, data: bytes) -> None:
        known = {entry[:2] for entry in ENTRIES}
        reads = [parse_cache(data[:length]).values() for length in range(len(data))]
        found = [{entry[:2] for entries in read for entry in entries} for read in reads]
        assert all(less <= more for less, more in pairwise([set(), *found, known]))
        assert found[-1] != set()

    @pytest.mark.parametrize("data", CACHES)
    def test_random_bytes_do_no_harm(self, data: bytes) -> None:
        chance = random.Random(1)
        for _ in range(1000):
            spoilt = bytearray(data)
            for _ in range(chance.choice([1, 2, 8])):
                spoilt[chance.randrange(len(spoilt))] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
            for group in parse_cache(bytes(spoilt)).values():
                assert all(each.name and each.path for each in group)

    def test_a_great_count_takes_no_time_and_no_memory(self) -> None:
        for count in (0x7FFFFFFF, 0xFFFFFFFF):
            data = bytearray(make_cache(ENTRIES, little=True))
            struct.pack_into("<I", data, 20, count)
            assert parse_cache(bytes(data)) == {}

    def test_a_cache_that_is_a_hole_or_a_device_has_no_entries(self, tmp_path: Path) -> None:
        cache = tmp_path / "cache"
        cache.write_bytes(make_cache(ENTRIES, little=True))
        os.truncate(cache, 1 << 40)
        loaders = emulated_loaders(ElfCache())
        assert loaders._cache(str(cache)) == {}
        assert loaders._cache("/dev/zero") == {}
        os.truncate(cache, MAX_CACHE)
        assert loaders._cache(str(tmp_path / "cache/../cache")) == {}
        assert len(emulated_loaders(ElfCache())._cache(str(cache))) == 2

    def test_strings_that_overlap_do_not_take_much_memory(self) -> None:
        count, letters = 5000, 4000
        data = bytearray(make_cache([CacheEntry("a", "/a", X86_64)] * count, little=True))
        strings = len(data)
        for index in range(count):
            struct.pack_into("<II", data, 48 + 24 * index + 4, strings + index % letters, strings + index // 2)
        assert parse_cache(bytes(data) + b"a" * letters + b"\0") == {}


class TestWriting:
    def test_ldconfig_shows_what_was_written(self, tmp_path: Path) -> None:
        cache = tmp_path / "cache"
        cache.write_bytes(make_cache(ENTRIES, little=True))
        shown = printed(cache)
        assert sorted(shown) == sorted((entry.name, entry.path) for entry in ENTRIES)
        assert [name for name, _ in shown] == ["libb.so", "liba.so.1", "liba.so.1", "liba.so.1"]

    def test_two_runs_write_the_same_bytes_whatever_the_order_of_entries(self) -> None:
        assert make_cache(ENTRIES, little=True) == make_cache(ENTRIES[::-1], little=True)

    @pytest.mark.needs("root", "chroot")
    @pytest.mark.skipif(not os.path.exists(GLIBC), reason=f"there is no {GLIBC}")
    def test_the_loader_finds_each_of_many_names(self, tmp_path: Path) -> None:
        """It bisects, and compares digits as numbers: `libx.so.10` stands behind `libx.so.9`, `libx` behind `libx-`."""
        chance = random.Random(1)
        names = {"libx.so.9", "libx.so.10", "libx-2.so", "libx.so", "libx2.so", "libx10.so", "libx", "libx-"}
        names |= {"libx\udcc3\udca9.so", "libx\udcc3", "lib2024093012345678.so", "lib9999999999.so"}
        while len(names) < 600:
            text = "".join(chance.choice("ab1920._-+~\udcc3\udca9A") for _ in range(chance.randrange(1, 9)))
            numbers = re.split(r"(\d+)", text)  # names that differ by zeros in front only are one for the loader
            numbers[1::2] = [str(int(number)) for number in numbers[1::2]]
            names.add(f"lib{''.join(numbers)}.so")
        names = {os.fsdecode(os.fsencode(name)) for name in names}
        world = World(tmp_path)
        paths = {name: f"/opt/{index}.so" for index, name in enumerate(sorted(names))}
        for path in paths.values():
            world.library(path[1:])
        entries = [CacheEntry(name, path, X86_64) for name, path in paths.items()]
        world.add("etc/ld.so.cache", make_cache(entries, little=True))
        world.program("app", needed=sorted(names))
        assert dict(inside(tmp_path, lambda: listed("/app")).found) == paths
