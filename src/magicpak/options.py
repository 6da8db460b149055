"""The command line as values: one field for each flag."""

from collections.abc import Mapping
from enum import Enum, IntEnum
from typing import NamedTuple

from magicpak.bundle.entry import Layout
from magicpak.ldso.resolver import Resolver
from magicpak.outputs.form import Destined, Format, destined
from magicpak.outputs.layers import Layers

SUGGESTED = "suggested"
"""The value of `--with` that stands for all that is suggested."""


class Report(Enum):
    """The form of a report: `--report`."""

    TREE = "tree"
    LIST = "list"
    JSON = "json"
    HTML = "html"


class RecordForm(Enum):
    """The form of a record by the end of its file's name: `--sbom`."""

    CYCLONEDX = ".cdx.json"
    SPDX = ".spdx.json"


def record_form(path: str) -> RecordForm | None:
    """Return the form of the record at `path`; None for a name that says none."""
    return next((form for form in RecordForm if path.endswith(form.value)), None)


class LogLevel(IntEnum):
    """The verbosity on stderr, with the original's names: `--log-level`."""

    OFF = 0
    ERROR = 1
    WARN = 2
    INFO = 3
    DEBUG = 4


class Options(NamedTuple):
    """A valid command line that makes a bundle.

    Paths are as the user wrote them, sizes in bytes, timeouts in seconds, and `library_path` is LD_LIBRARY_PATH.
    `root` is where everything is looked up, None for the host. `output` is None only with `dry_run`; without `format`,
    its name says what it becomes. The prefixes `dynamic_` and `test_` mean options that have no effect without
    `dynamic` and `test`; `upx_arg` has none without `compress`, and `strip_tool` none without `strip`.
    """

    inputs: tuple[str, ...]
    output: str | None
    root: str | None = None
    format: Format | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    user: str | None = None
    workdir: str | None = None
    expose: tuple[str, ...] = ()
    label: Mapping[str, str] = {}
    stop_signal: str | None = None
    tag: str | None = None
    layers: Layers = Layers.ONE
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    mkdir: tuple[str, ...] = ()
    with_: tuple[str, ...] = ()
    with_file: str | None = None
    install_to: str | None = None
    layout: Layout = Layout.HOST
    onto: tuple[str, ...] = ()
    onto_replace: bool = False
    all_packages: bool = False
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
    dynamic_env: Mapping[str, str] = {}
    strip: bool = False
    strip_tool: str | None = None
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
    test_env: Mapping[str, str] = {}
    test_user: str | None = None
    test_network: bool = False
    busybox: str = "busybox"
    dry_run: bool = False
    report: Report | None = None
    report_file: str | None = None
    report_against: str | None = None
    why: tuple[str, ...] = ()
    sbom: tuple[str, ...] = ()
    size_limit: int | None = None
    hints: bool = True
    log_level: LogLevel = LogLevel.WARN
    library_path: str = ""
    source_date_epoch: int | None = None

    @property
    def destined(self) -> Destined | None:
        """What OUTPUT is to be; None without OUTPUT. Raises InvalidUsage."""
        return None if self.output is None else destined(self.output, self.format)

    @property
    def output_path(self) -> str | None:
        """The path at which the bundle is written; None for stdout, and without OUTPUT."""
        return self.destined and self.destined.path

    @property
    def is_image(self) -> bool:
        """Whether the bundle becomes an image, or may become one: a dry run without OUTPUT says nothing of it."""
        return self.destined is None or self.destined.format.is_image

    def without_effect(self) -> list[str]:
        """Return a warning for each option that has no effect without another one."""
        enabled = {
            **dict.fromkeys(_OF_IMAGES, ("--format oci or docker", self.is_image)),
            "dynamic": ("--dynamic", self.dynamic),
            "strip": ("--strip", self.strip),
            "upx_arg": ("--compress", self.compress),
            "onto": ("--onto", bool(self.onto)),
            "test": ("--test", self.test),
            "busybox": ("--test and --test-command", self.test and self.test_command is not None),
        }
        required = {prefix: flag for prefix, (flag, is_enabled) in enabled.items() if not is_enabled}
        warnings = ["--test has no effect with --dry-run: nothing is written"] if self.test and self.dry_run else []
        return warnings + [
            f"--{name.replace('_', '-')} has no effect without {flag}"
            for name, value in self._asdict().items()
            for prefix, flag in required.items()
            if f"{name}_".startswith(f"{prefix}_") and value != self._field_defaults[name]
        ]


_OF_IMAGES = ("entrypoint", "cmd", "env", "user", "workdir", "expose", "label", "stop_signal", "tag", "layers")


class CheckOptions(NamedTuple):
    """A command line with `--check`: the directory, and programs by their paths in it (none: all)."""

    directory: str
    programs: tuple[str, ...] = ()
    symbols: bool = False
    upx: str = "upx"
    upx_timeout: float = 600.0
    log_level: LogLevel = LogLevel.WARN
    onto: tuple[str, ...] = ()


class ListOptions(NamedTuple):
    """A command line with `--with-list`: the names that it asks for (none: all), and the INPUTs, if there are any."""

    inputs: tuple[str, ...] = ()
    root: str | None = None
    with_: tuple[str, ...] = ()
    with_file: str | None = None
    library_path: str = ""
    log_level: LogLevel = LogLevel.WARN
