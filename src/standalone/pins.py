"""The downloaded sources, by version and SHA-256; wheels are in toolchain.txt and dependencies.txt."""

from typing import NamedTuple

DEBIAN = "trixie"
"""The release whose archive has the sources: the upstream ones, which do not change when Debian's patches do."""


class Source(NamedTuple):
    """The upstream tarball of a Debian source package: the package's name and version, the file's name and hash."""

    package: str
    version: str
    file: str
    sha256: str


PYTHON = Source(
    "python3.13",
    "3.13.5",
    "python3.13_3.13.5.orig.tar.xz",
    "93e583f243454e6e9e4588ca2c2662206ad961659863277afcdb96801647d640",
)
ZLIB = Source(
    "zlib",
    "1.3.1",
    "zlib_1.3.dfsg+really1.3.1.orig.tar.gz",
    "60dd315c07f616887caa029408308a018ace66e3d142726a97db164b3b8f69fb",
)
LIBFFI = Source(
    "libffi",
    "3.4.8",
    "libffi_3.4.8.orig.tar.gz",
    "cbb7f0b3b095dc506387ec1e35b891bfb4891d05b90a495bc69a10f2293f80ff",
)
