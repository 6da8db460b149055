"""All that can be asked for on the command line, one field for each flag."""

from collections.abc import Sequence
from enum import Enum, IntEnum
from typing import NamedTuple

from magicpak.bundle.layout import Layout
from magicpak.ldso.resolver import Resolver


class Report(Enum):
    """The forms of a report, in the words of `--report`."""

    TREE = "tree"
    LIST = "list"
    JSON = "json"
    HTML = "html"


class LogLevel(IntEnum):
    """How much is told on stderr, in the original's names."""

    OFF = 0
    ERROR = 1
    WARN = 2
    INFO = 3
    DEBUG = 4


class Options(NamedTuple):
    """The command line, checked; paths as the user wrote them, `library_path` as LD_LIBRARY_PATH has it.

    `output` is None only with `dry_run`; sizes are in bytes.

    What says how to watch a program begins with `dynamic_`, how to pack it with `upx`, how to test the bundle with
    `test_`; timeouts are in seconds.
    """

    inputs: tuple[str, ...]
    output: str | None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    mkdir: tuple[str, ...] = ()
    install_to: str | None = None
    layout: Layout = Layout.HOST
    resolver: Resolver = Resolver.AUTO
    compiler: str | None = None
    hwcaps: bool = True
    verify: bool = True
    dynamic: bool = False
    dynamic_arg: tuple[str, ...] = ()
    dynamic_stdin: str | None = None
    dynamic_timeout: float = 60.0
    dynamic_allow_failure: bool = False
    dynamic_command: str | None = None
    dynamic_env: tuple[str, ...] = ()
    compress: bool = False
    upx: str = "upx"
    upx_arg: tuple[str, ...] = ()
    upx_timeout: float = 600.0
    test: bool = False
    test_command: str | None = None
    test_stdin: str | None = None
    test_stdout: str | None = None
    test_exit_code: int = 0
    test_timeout: float = 60.0
    test_env: tuple[str, ...] = ()
    test_user: str | None = None
    test_network: bool = False
    busybox: str = "busybox"
    dry_run: bool = False
    report: Report | None = None
    report_file: str | None = None
    why: tuple[str, ...] = ()
    size_limit: int | None = None
    log_level: LogLevel = LogLevel.WARN
    library_path: str = ""
    source_date_epoch: int | None = None

    def without_effect(self) -> list[str]:
        """Return a line for each option that says how to do what is not to be done."""
        wanted = {
            "dynamic": ("--dynamic", self.dynamic),
            "upx": ("--compress", self.compress),
            "test": ("--test", self.test),
            "busybox": ("--test and --test-command", self.test and self.test_command is not None),
        }
        undone = {family: flag for family, (flag, is_wanted) in wanted.items() if not is_wanted}
        lines = ["--test has no effect with --dry-run: nothing is written"] if self.test and self.dry_run else []
        return lines + [
            f"--{name.replace('_', '-')} has no effect without {undone[family]}"
            for name, value in self._asdict().items()
            if (family := name.partition("_")[0]) in undone and value != self._field_defaults[name]
        ]


class CheckOptions(NamedTuple):
    """The command line with `--check`: the directory, programs by their paths in it (none: all), `--symbols`."""

    directory: str
    programs: tuple[str, ...] = ()
    symbols: bool = False
    log_level: LogLevel = LogLevel.WARN


def variables(assignments: Sequence[str]) -> dict[str, str]:
    """Return what `NAME=VALUE`s say."""
    return dict(each.split("=", 1) for each in assignments)
