"""The arguments and options of the command line, and what the help says of each."""

from typing import Any

import click

from magicpak import __version__
from magicpak.bundle.entry import Layout
from magicpak.cli.grouped_help import LAST_GROUP, GroupedCommand, option_group
from magicpak.cli.image_options import base_options, image_options
from magicpak.cli.validation import (
    EXIT_STATUS,
    IMAGE_PATH,
    RECORD_FILE,
    SIZE,
    TIME_LIMIT,
    VARIABLE,
    bundle_options,
    check_options,
    list_options,
)
from magicpak.ldso.resolver import Resolver
from magicpak.options import CheckOptions, ListOptions, LogLevel, Options, Report
from magicpak.outputs.form import Format

_contents = option_group("Contents")
_output = option_group("Output")
_resolution = option_group("Library resolution")
_tracing = option_group("Tracing a run")
_compression = option_group("Smaller files")
_verification = option_group("Verification")
_test = option_group("Test run")
_reports = option_group("Reports")
_messages = option_group(LAST_GROUP)

_SECONDS: dict[str, Any] = {"metavar": "SECONDS", "type": TIME_LIMIT, "show_default": True}


def _print_licences(context: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's
    if wanted:
        from magicpak import licences

        click.echo(licences.text(), nl=False)
        context.exit()


@click.command(
    cls=GroupedCommand,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": None},
    epilog="Exit codes: 0 success, 1 failure, 2 usage error, 3 missing libraries, 4 INPUT cannot be bundled, 5 OUTPUT "
    "cannot be used, 6 traced program failed, 7 tracing not possible, 8 test failed, 9 test not possible, 10 bundle "
    "too large; 129, 130 and 143 after SIGHUP, SIGINT and SIGTERM.",
)
@click.argument("inputs", metavar="INPUT...", nargs=-1, help="Paths of the executables to bundle.")
@click.argument(
    "output",
    metavar="OUTPUT",
    required=False,
    help="Directory or archive to create; an existing directory must be empty.",
)
@_contents(
    "--root", metavar="DIR", help="Look up INPUT and everything else in DIR, such as a sysroot; run nothing of it."
)
@_contents(
    "-i",
    "--include",
    metavar="GLOB",
    multiple=True,
    help="Add matching files and directories, and the libraries they need.",
)
@_contents("-e", "--exclude", metavar="GLOB", multiple=True, help="Exclude matching paths; * also matches /.")
@_contents("--mkdir", metavar="PATH", type=IMAGE_PATH, multiple=True, help="Create a directory in the bundle.")
@_contents(
    "--with",
    "with_",
    metavar="NAME[=ARG,...]",
    multiple=True,
    help="Add what no ELF header names, such as certs, users or tz=Europe/Rome; --with-list lists all names.",
)
@_contents("--with-file", metavar="FILE", help="Read further names for --with from FILE, in TOML.")
@_contents(
    "--with-list",
    is_flag=True,
    help="Print all names for --with, what each would add on this host, and its size; make no bundle.",
)
@_contents(
    "-r",
    "--install-to",
    metavar="PATH",
    type=IMAGE_PATH,
    help="Put the executable at PATH in the bundle, or into PATH if it ends with /.",
)
@_contents(
    "--layout",
    type=click.Choice(Layout, case_sensitive=False),
    default=Layout.HOST,
    help="Keep links to directories as on the host, or make them real directories, for base images where /lib is "
    "not a link.  [default: host]",
)
@_contents(
    "--all-packages",
    is_flag=True,
    help="For scripts: add all packages of the interpreter's environment, not only those they import.",
)
@base_options
@_output(
    "--format",
    type=click.Choice(Format, case_sensitive=False),
    help="Write a directory, a tar archive, an OCI image, or an image for docker load.  [default: by the name: *.tar, "
    "*.tar.gz, *.tgz; *.oci.tar, oci:DIR[:TAG]; *.docker.tar, image.tar; otherwise dir]",
)
@image_options
@_resolution(
    "--resolver",
    type=click.Choice(Resolver, case_sensitive=False),
    help="Emulate the dynamic loader (static), ask the real one through dlopen(3) (dlopen) or in a process started "
    "with the libraries (noload), or emulate it and ask only for libraries not found (auto).  [default: auto]",
)
@_resolution(
    "--no-hwcaps",
    "hwcaps",
    flag_value=False,
    default=True,
    help="Exclude library variants for newer processors.",
)
@_resolution(
    "--cc",
    "compiler",
    metavar="PATH or NAME",
    envvar="CC",
    help="C compiler, needed to ask the real loader.  [env: CC] [default: cc]",
)
@_resolution("--experimental-noload-resolver", is_flag=True, help="Old name of --resolver noload.")
@_tracing("-d", "--dynamic", is_flag=True, help="Run each INPUT and add the files it uses.")
@_tracing("--dynamic-arg", metavar="ARG", multiple=True, help="Pass an argument; it may start with a hyphen.")
@_tracing("--dynamic-stdin", metavar="CONTENT", help="Content of stdin.  [default: empty]")
@_tracing("--dynamic-env", metavar="NAME=VALUE", multiple=True, type=VARIABLE, help="Set an environment variable.")
@_tracing(
    "--dynamic-command",
    metavar="COMMAND",
    help="Run COMMAND with /bin/sh instead; only files used by INPUT are added.",
)
@_tracing("--dynamic-timeout", **_SECONDS, default=60, help="Stop the run after SECONDS; files seen so far are kept.")
@_tracing("--dynamic-allow-failure", is_flag=True, help="Continue if the run fails.")
@_compression("--strip", is_flag=True, help="Remove debug sections and symbol tables from each ELF file.")
@_compression("--strip-tool", metavar="PATH or NAME", help="The strip to use.  [default: strip, otherwise llvm-strip]")
@_compression("-c", "--compress", is_flag=True, help="Compress each INPUT with upx.")
@_compression("--upx-arg", metavar="ARG", multiple=True, help="Pass an argument to upx; it may start with a hyphen.")
@_compression("--upx", metavar="PATH or NAME", default="upx", show_default=True, help="The upx program to use.")
@_compression("--upx-timeout", **_SECONDS, default=600, help="Stop upx after SECONDS and fail.")
@_verification(
    "--check",
    metavar="DIR",
    help="Check DIR instead of creating a bundle: report executables that would not start with DIR as their root, and "
    "what they lack. EXE, a path in DIR, limits the check to that executable.",
)
@_verification("--symbols", is_flag=True, help="With --check, also report undefined symbols.")
@_verification(
    "--no-verify", "verify", flag_value=False, default=True, help="Write the bundle even if a program would not start."
)
@_test("-t", "--test", is_flag=True, help="Run the bundle on its own, and fail if it does not work.")
@_test("--test-command", metavar="COMMAND", help="Shell command to run.  [default: each INPUT by its path]")
@_test("--test-stdin", metavar="CONTENT", help="Content of stdin.  [default: empty]")
@_test("--test-stdout", metavar="CONTENT", help="Expected stdout (surrounding whitespace ignored).")
@_test("--test-exit-code", metavar="N", type=EXIT_STATUS, default=0, show_default=True, help="Expected exit code.")
@_test(
    "--test-env",
    metavar="NAME=VALUE",
    multiple=True,
    type=VARIABLE,
    help="Set an environment variable (default: only PATH and HOME).",
)
@_test("--test-user", metavar="UID[:GID]", help="User to run as, like USER in a Dockerfile.  [default: 0]")
@_test("--test-network", is_flag=True, help="Allow network access.")
@_test("--test-timeout", **_SECONDS, default=60, help="Stop the test after SECONDS and fail.")
@_test(
    "--busybox",
    metavar="PATH or NAME",
    default="busybox",
    show_default=True,
    help="Static busybox that runs --test-command if the bundle has no shell.",
)
@_reports(
    "--dry-run",
    is_flag=True,
    help="Write no bundle; print what it would contain, as --report tree unless another report, --why or --sbom is "
    "given. OUTPUT is optional.",
)
@_reports(
    "--report",
    type=click.Choice(Report, case_sensitive=False),
    help="Print what is in the bundle and why: a tree of dependencies, a list with one line per path, all details as "
    "JSON, or an HTML page.",
)
@_reports(
    "--report-file",
    metavar="FILE",
    help="Write the report to FILE instead of stdout. Without --report, the extension selects the format: .json, "
    ".html, otherwise tree.",
)
@_reports(
    "--report-against",
    metavar="OLD.json",
    help="Print what has changed since an earlier JSON report: packages, libraries, and files by size. With --report "
    "tree, json or html, it is part of the report.",
)
@_reports("--why", metavar="PATH", multiple=True, help="Print why PATH is in the bundle.")
@_reports(
    "--sbom",
    metavar="FILE",
    type=RECORD_FILE,
    multiple=True,
    help="Write a list of the packages and files in the bundle, with versions, licences and hashes: CycloneDX as "
    "FILE.cdx.json, SPDX as FILE.spdx.json.",
)
@_reports("--size-limit", metavar="SIZE", type=SIZE, help="Fail if the bundle is larger: 20MB, 800k, 64MiB.")
@_messages(
    "--log-level",
    metavar=f"[{'|'.join(level.name.title() for level in LogLevel)}]",
    type=click.Choice(LogLevel, case_sensitive=False),
    default=LogLevel.WARN,
    help="Verbosity on stderr.  [default: Warn]",
)
@_messages(
    "--no-hints",
    "hints",
    flag_value=False,
    default=True,
    help="Do not suggest options for files that the program may need.",
)
@_messages("-v", "--verbose", is_flag=True, help="Same as --log-level Info.")
@_messages(
    "--licenses",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_licences,
    help="Print the licences of magicpak and of the software it includes.",
)
@click.version_option(__version__, prog_name="magicpak", message="%(prog)s %(version)s", help="Print the version.")
def command(**values: Any) -> Options | CheckOptions | ListOptions:  # noqa: ANN401 - click's
    """Turn executables into the smallest directory they run in.

    Copy OUTPUT into a FROM scratch image.
    """
    context = click.get_current_context()
    if values["with_list"]:
        return list_options(values, context)
    return bundle_options(values, context) if values["check"] is None else check_options(values, context)
