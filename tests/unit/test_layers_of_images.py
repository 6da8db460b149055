"""Which files are in which layer of an image."""

from magicpak.bundle.entry import Attributes, Copy, Directory, Entry
from magicpak.bundle.path import BundlePath
from magicpak.bundle.plan import Because, BundlePlan, Item
from magicpak.outputs.layers import split


def split_paths(entries: dict[str, Entry], *lower: str) -> list[list[str]]:
    items = {path: Item(path, entry, Because("")) for name, entry in entries.items() if (path := BundlePath(name))}
    layers = split(tuple(BundlePlan(items)), {BundlePath(path) for path in lower})
    return [[str(item.path) for item in layer] for layer in layers]


def file(inode: int) -> Copy:
    return Copy(f"/{inode}", 1, (1, inode), Attributes(0o644))


DIRECTORY = Directory(Attributes(0o755))
USR: dict[str, Entry] = {
    "/usr": DIRECTORY,
    "/usr/bin": DIRECTORY,
    "/usr/lib": DIRECTORY,
    "/usr/bin/app": file(1),
    "/usr/lib/a": file(2),
}


def test_each_layer_has_the_directories_above_its_files() -> None:
    assert split_paths(USR, "/usr/lib/a") == [
        ["/usr", "/usr/lib", "/usr/lib/a"],
        ["/usr", "/usr/bin", "/usr/bin/app"],
    ]


def test_a_layer_with_nothing_does_not_exist() -> None:
    assert split_paths(USR) == [["/usr", "/usr/bin", "/usr/bin/app", "/usr/lib", "/usr/lib/a"]]
    assert split_paths(USR, *USR) == split_paths(USR)
    assert split_paths({}) == [[]]


def test_an_empty_directory_is_in_the_last_layer() -> None:
    assert split_paths({**USR, "/tmp": DIRECTORY}, "/usr/lib/a", "/usr/bin/app")[1] == ["/tmp"]


def test_hard_links_stay_in_one_layer() -> None:
    entries: dict[str, Entry] = {"/a": file(1), "/b": file(1), "/c": file(2)}
    assert split_paths(entries, "/a", "/c") == [["/c"], ["/a", "/b"]]
    assert split_paths(entries, "/a", "/b") == [["/a", "/b"], ["/c"]]
