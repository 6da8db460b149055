"""All that can be asked for on the command line, one field for each flag."""

from enum import IntEnum
from typing import NamedTuple

from magicpak.bundle.layout import Layout
from magicpak.ldso.resolver import Resolver


class LogLevel(IntEnum):
    """How much is told on stderr, in the original's names."""

    OFF = 0
    ERROR = 1
    WARN = 2
    INFO = 3
    DEBUG = 4


class Options(NamedTuple):
    """The command line, checked; paths as the user wrote them, `library_path` as LD_LIBRARY_PATH has it."""

    inputs: tuple[str, ...]
    output: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    mkdir: tuple[str, ...] = ()
    install_to: str | None = None
    layout: Layout = Layout.HOST
    resolver: Resolver = Resolver.AUTO
    compiler: str = "cc"
    hwcaps: bool = True
    log_level: LogLevel = LogLevel.WARN
    library_path: str = ""
    source_date_epoch: int | None = None
