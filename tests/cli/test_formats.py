"""The forms of a bundle other than a directory: what they hold, that they are all or nothing, and how they fail."""

import gzip
import hashlib
import io
import json
import os
import resource
import signal
import subprocess
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from support.run_magicpak import (
    RunResult,
    command,
    done,
    environment,
    errors,
    executable,
    magicpak,
    magicpak_as_nobody,
    names,
    tree,
)

SOURCE_DATE_EPOCH = 1_600_000_000
ARCHIVES = ["b.tar", "b.tar.gz", "b.tgz"]
IMAGES = ["b.oci.tar", "b.docker.tar", "b.docker.tar.gz", "oci:b"]
NO_OVERWRITING = "hint: choose a new name: magicpak never overwrites anything\n"


pytestmark = pytest.mark.usefixtures("prog")


@pytest.fixture
def odd(here: Path) -> Path:
    """A directory with everything that is not plain about files."""
    top = here / "odd"
    (top / ("d" * 200) / ("e" * 200)).mkdir(parents=True)
    (top / ("d" * 200) / ("e" * 200) / ("ü" * 100)).write_bytes(b"long")
    (top / os.fsdecode(b"not \xff text")).write_bytes(b"x" * 513)
    (top / os.fsdecode(b"\xfe" * 240)).write_bytes(b"")
    (top / "link").symlink_to("./" * 150 + "large")
    (top / "large").write_bytes(os.urandom(3 * 1024 * 1024 + 1))
    (top / "again").hardlink_to(top / "large")
    os.mkfifo(top / "pipe", 0o640)
    with (top / "holes").open("wb") as file:
        file.truncate(200_000)
        file.seek(100_000)
        file.write(b"island")
    os.utime(top / "holes", ns=(1, 1_700_000_000_123_456_789))
    os.utime(top / "large", ns=(1, 1_500_000_000_500_000_000))
    (top / "mode").write_bytes(b"")
    if os.geteuid() == 0:
        os.chown(top / "mode", 3_000_000, 70_000)
        os.lchown(top / "link", 7, 8)
        os.setxattr(top / "large", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
    os.setxattr(top / "mode", "user.note", b"a=b\0c")
    os.setxattr(top, "user.top", b"")
    (top / "mode").chmod(0o6711)
    (top / ("d" * 200)).chmod(0o1500)
    return top


def unpacked(archive: Path, directory: Path) -> Path:
    """Return `directory`, in which GNU tar has unpacked `archive`."""
    directory.mkdir()
    options = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "--preserve-permissions", "--same-owner"]
    ran = subprocess.run(["tar", *options, "-xf", archive, "-C", directory], capture_output=True, check=True)
    assert ran.stderr == b""
    return directory


def below(path: Path) -> dict[str, object]:
    """Return the tree at `path` without its root."""
    return {name: node for name, node in tree(path).items() if name != "."}


def layout(output: str, cwd: Path) -> Path:
    """Return the image that was written to `output` as a directory."""
    if output.startswith("oci:"):
        return cwd / output.removeprefix("oci:")
    return unpacked(cwd / output, cwd / "layout")


def blob(image: Path, descriptor: dict[str, Any]) -> bytes:
    """Return a blob, whose digest and size must be those of its descriptor."""
    algorithm, _, digest = descriptor["digest"].partition(":")
    data = Path(image, "blobs", algorithm, digest).read_bytes()
    assert (hashlib.new(algorithm, data).hexdigest(), len(data)) == (digest, descriptor["size"])
    return data


def described(image: Path) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Return the manifest and the config of the only image of a layout, and its only layer as a tar archive."""
    assert json.loads((image / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    (descriptor,) = json.loads((image / "index.json").read_text())["manifests"]
    manifest = json.loads(blob(image, descriptor))
    config = json.loads(blob(image, manifest["config"]))
    (layer,) = manifest["layers"]
    data = blob(image, layer)
    data = gzip.decompress(data) if layer["mediaType"].endswith("+gzip") else data
    assert config["rootfs"] == {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(data).hexdigest()}"]}
    return manifest, config, data


@pytest.mark.needs("root")
@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_unpacks_to_what_the_directory_is(name: str, here: Path, odd: Path) -> None:
    done("prog", "-i", odd, "directory", cwd=here)
    done("prog", "-i", odd, name, cwd=here)
    assert below(unpacked(here / name, here / "found")) == below(here / "directory")


@pytest.mark.needs("root")
@pytest.mark.parametrize("name", IMAGES)
def test_the_layer_of_an_image_unpacks_to_what_the_directory_is(name: str, here: Path, odd: Path) -> None:
    done("prog", "-i", odd, "directory", cwd=here)
    done("prog", "-i", odd, name, cwd=here)
    (here / "layer.tar").write_bytes(described(layout(name, here))[2])
    assert below(unpacked(here / "layer.tar", here / "found")) == below(here / "directory")


def test_an_ordinary_user_writes_the_owners_of_the_plan(public: Path, static: Path) -> None:
    executable(public / "prog", static.read_bytes(), 0o4755)
    if os.geteuid() == 0:
        os.chown(public / "prog", 1234, 5678)
        (public / "prog").chmod(0o4755)
    status = (public / "prog").stat()
    assert magicpak_as_nobody("prog", "b.tar", cwd=public) == RunResult(0, "", "")
    with tarfile.open(public / "b.tar") as archive:
        found = archive.getmember("prog")
    assert (found.mode, found.uid, found.gid) == (0o4755, status.st_uid, status.st_gid)


@pytest.mark.parametrize("name", [*ARCHIVES, *IMAGES[:3]])
@pytest.mark.parametrize("epoch", [None, SOURCE_DATE_EPOCH])
def test_two_runs_give_the_same_bytes(name: str, epoch: int | None, here: Path, odd: Path) -> None:
    env = {} if epoch is None else {"SOURCE_DATE_EPOCH": str(epoch)}
    done("prog", "-i", odd, name, cwd=here, env=env)
    first = (here / name).rename(here / "first").read_bytes()
    done("prog", "-i", odd, name, cwd=here, env=env)
    assert (here / name).read_bytes() == first


def test_no_time_is_later_than_source_date_epoch(here: Path) -> None:
    done("prog", "b.oci.tar", cwd=here, env={"SOURCE_DATE_EPOCH": str(SOURCE_DATE_EPOCH)})
    _, config, layer = described(layout("b.oci.tar", here))
    assert config["created"] == config["history"][0]["created"] == "2020-09-13T12:26:40Z"
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        assert [member.mtime for member in archive] == [SOURCE_DATE_EPOCH]


@pytest.mark.parametrize("format_", ["tar", "oci", "docker"])
def test_stdout_gets_the_same_bytes_as_a_file(format_: str, here: Path) -> None:
    done("prog", "--format", format_, "file", cwd=here)
    ran = subprocess.run(
        command("prog", "--format", format_, "-"), cwd=here, env=environment(), capture_output=True, check=True
    )
    assert (ran.stdout, ran.stderr) == ((here / "file").read_bytes(), b"")
    assert names(here) == ["file", "prog"]


def test_an_image_runs_the_input_and_has_what_its_options_say(here: Path) -> None:
    done("prog", "-r", "app/", "b.oci.tar", cwd=here)
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    _, config, _ = described(layout("b.oci.tar", here))
    assert config["config"] == {"Entrypoint": ["/app/prog"], "Env": [path], "WorkingDir": "/"}
    options = [
        *("--entrypoint", '["/prog", "a b"]', "--cmd", "x 'y z'", "--env", "A=1", "--env", "PATH=/p", "--user", "1:2"),
        *("--workdir", "/w", "--expose", "80", "--expose", "53-54/UDP", "--label", "l=m=n", "--stop-signal", "SIGINT"),
    ]
    done("prog", *options, "oci:b", cwd=here)
    _, config, layer = described(here / "b")
    assert config["config"] == {
        "Entrypoint": ["/prog", "a b"],
        "Cmd": ["x", "y z"],
        "Env": ["A=1", "PATH=/p"],
        "User": "1:2",
        "WorkingDir": "/w",
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}, "54/udp": {}},
        "Labels": {"l": "m=n"},
        "StopSignal": "SIGINT",
    }
    assert (config["architecture"], config["os"]) == ({"x86_64": "amd64"}.get(os.uname().machine, "arm64"), "linux")
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        assert archive.getnames() == ["prog", "w"]


def test_the_tag_of_an_image_is_where_its_readers_look_for_it(here: Path) -> None:
    done("prog", "--tag", "app", "b.docker.tar", cwd=here)
    image = layout("b.docker.tar", here)
    manifest, _, _ = described(image)
    (known,) = json.loads((image / "manifest.json").read_text())
    paths = [f"blobs/{each['digest'].replace(':', '/')}" for each in (manifest["config"], *manifest["layers"])]
    assert known == {"Config": paths[0], "Layers": paths[1:], "RepoTags": ["app:latest"]}
    assert [each["mediaType"] for each in manifest["layers"]] == ["application/vnd.oci.image.layer.v1.tar"]
    done("prog", "oci:b:v1", "--tag", "registry.example/app:2", cwd=here)
    (descriptor,) = json.loads((here / "b" / "index.json").read_text())["manifests"]
    assert descriptor["annotations"] == {
        "io.containerd.image.name": "registry.example/app:2",
        "org.opencontainers.image.ref.name": "v1",
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--expose", "0"], "'0' is not a port such as 80, 53/udp or 8000-8010"),
        (["--expose", "9-8"], "'9-8' is not a port such as 80, 53/udp or 8000-8010"),
        (["--expose", "80/icmp"], "'80/icmp' is not a port such as 80, 53/udp or 8000-8010"),
        (["--cmd", "[1]"], "'[1]' is not a JSON array of strings"),
        (["--cmd", "'a"], '"\'a": No closing quotation'),
        (["--stop-signal", "SIGNO"], "'SIGNO' is not a signal such as SIGTERM or 15"),
        (["--stop-signal", "65"], "'65' is not a signal such as SIGTERM or 15"),
        (["--tag", "App"], "'App' is not a name of an image such as app or registry.example/app:1.0"),
    ],
)
def test_a_wrong_value_of_the_config_is_wrong_usage(options: Sequence[str], message: str, here: Path) -> None:
    result = magicpak("prog", *options, "b.oci.tar", cwd=here)
    assert (result.code, errors(result)) == (2, [f"error: Invalid value for '{options[0]}': {message}"])
    assert names(here) == ["prog"]


@pytest.mark.parametrize("output", ["b", "b.tar"])
def test_the_config_of_an_image_has_no_effect_elsewhere(output: str, here: Path) -> None:
    done(
        *("prog", "--user", "1", "--tag", "x", output),
        cwd=here,
        stderr="warning: --user has no effect without --format oci or docker\n"
        "warning: --tag has no effect without --format oci or docker\n",
    )


def test_a_program_that_the_image_starts_and_does_not_have_is_a_warning(here: Path) -> None:
    warning = "warning: /bin/sh, which the image starts, is not in the bundle\n"
    done("prog", "--entrypoint", "/bin/sh -c prog", "b.oci.tar", cwd=here, stderr=warning)
    done("prog", "--entrypoint", "", "--cmd", "/prog", "c.oci.tar", cwd=here)


@pytest.mark.parametrize("name", [*ARCHIVES, *IMAGES])
def test_what_is_there_is_never_overwritten(name: str, here: Path) -> None:
    place = here / name.removeprefix("oci:")
    place.write_bytes(b"precious")
    result = magicpak("prog", name, cwd=here)
    assert (result.code, place.read_bytes()) == (5, b"precious")
    assert "already exists" in result.stderr


def test_a_directory_is_no_place_for_an_archive(here: Path) -> None:
    (here / "b.tar").mkdir()
    message = "error: output b.tar is a directory\n" + NO_OVERWRITING
    assert magicpak("prog", "--format", "tar", "b.tar", cwd=here) == RunResult(5, "", message)
    done("prog", "b.tar", cwd=here)
    assert names(here / "b.tar") == ["prog"]


@pytest.mark.parametrize("name", [*ARCHIVES, *IMAGES])
def test_directories_above_are_made_and_nothing_else_is_left(name: str, here: Path) -> None:
    scheme, _, path = name.rpartition(":")
    done("prog", f"{scheme}{':' if scheme else ''}new/deep/{path}", cwd=here)
    assert os.listdir(here / "new" / "deep") == [path]


@pytest.mark.parametrize("name", [*ARCHIVES, *IMAGES])
def test_a_disk_that_is_full_leaves_nothing(name: str, here: Path) -> None:
    with (here / "data").open("wb") as file:
        file.write(os.urandom(2_000_000))

    def no_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    result = magicpak("prog", "-i", here / "data", name, cwd=here, preexec_fn=no_room)
    assert (result.code, "cannot be written: " in result.stderr, "File too large" in result.stderr) == (5, True, True)
    assert names(here) == ["data", "prog"]


@pytest.mark.parametrize("format_", ["tar", "oci", "docker"])
def test_a_device_that_is_full_fails_the_run(format_: str, here: Path) -> None:
    message = "error: output /dev/full cannot be written: No space left on device\n"
    assert magicpak("prog", "--format", format_, "/dev/full", cwd=here) == RunResult(5, "", message)


@pytest.mark.parametrize("format_", ["tar", "oci", "docker"])
def test_a_reader_that_goes_away_fails_the_run(format_: str, here: Path) -> None:
    (here / "data").write_bytes(os.urandom(2_000_000))
    words = command("prog", "-i", here / "data", "--format", format_, "-")
    with subprocess.Popen(
        words, cwd=here, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert len(process.stdout.read(1000)) == 1000
        process.stdout.close()
        assert process.stderr.read() == b"error: output - cannot be written: Broken pipe\n"
    assert process.returncode == 5


@pytest.mark.parametrize("blocking", [True, False])
def test_a_slow_reader_gets_everything(blocking: bool, here: Path) -> None:  # noqa: FBT001 - pytest's
    (here / "data").write_bytes(os.urandom(1_500_000))
    done("prog", "-i", here / "data", "b.tar", cwd=here)
    reading, writing = os.pipe()
    os.set_blocking(writing, blocking)
    words = command("prog", "-i", here / "data", "--format", "tar", "-")
    with subprocess.Popen(words, cwd=here, env=environment(), stdout=writing), open(reading, "rb", 0) as pipe:
        os.close(writing)
        found = b""
        while piece := pipe.read(50_000):
            found += piece
            time.sleep(0.01)
    assert found == (here / "b.tar").read_bytes()


def test_a_signal_ends_a_run_that_waits_for_its_reader(here: Path) -> None:
    (here / "data").write_bytes(os.urandom(1_000_000))
    words = command("prog", "-i", here / "data", "--format", "tar", "-")
    with subprocess.Popen(words, cwd=here, env=environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert len(process.stdout.read(100)) == 100
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM


def test_a_named_pipe_takes_an_archive(here: Path) -> None:
    os.mkfifo(here / "pipe.tar")
    with subprocess.Popen(command("prog", "pipe.tar"), cwd=here, env=environment()) as process:
        data = (here / "pipe.tar").read_bytes()
    assert process.returncode == 0
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["prog"]


def test_a_closed_stdout_takes_no_archive(here: Path) -> None:
    result = magicpak("prog", "--format", "tar", "-", cwd=here, preexec_fn=lambda: os.close(1))
    assert (result.code, result.stderr) == (5, "error: output - is closed\n")


@pytest.mark.needs("root")
def test_files_of_packages_are_in_a_layer_that_a_new_program_does_not_change(here: Path) -> None:
    found = []
    env = {"SOURCE_DATE_EPOCH": str(SOURCE_DATE_EPOCH)}
    for version in ("one", "two"):
        (here / "data").write_text(version)
        done("prog", "-i", here / "data", "-i", "/bin/ls", "--layers", "package", f"oci:{version}", cwd=here, env=env)
        (descriptor,) = json.loads((here / version / "index.json").read_text())["manifests"]
        manifest = json.loads(blob(here / version, descriptor))
        config = json.loads(blob(here / version, manifest["config"]))
        assert len(config["history"]) == len(config["rootfs"]["diff_ids"]) == 2
        found.append([gzip.decompress(blob(here / version, layer)) for layer in manifest["layers"]])
    assert (found[0][0] == found[1][0], found[0][1] == found[1][1]) == (True, False)
    (here / "layers").mkdir()
    for layer in found[1]:
        subprocess.run(["tar", "-xp", "-C", here / "layers"], input=layer, check=True)
    with tarfile.open(fileobj=io.BytesIO(found[1][0])) as archive:
        assert ("prog" in archive.getnames(), "usr/bin/ls" in archive.getnames()) == (False, True)
    done("prog", "-i", here / "data", "-i", "/bin/ls", "directory", cwd=here, env=env)
    assert below(here / "layers") == below(here / "directory")


def test_an_image_has_one_layer_where_no_file_is_of_a_package(here: Path) -> None:
    done("prog", "--layers", "package", "b.oci.tar", cwd=here)
    assert len(described(layout("b.oci.tar", here))[0]["layers"]) == 1


@pytest.mark.needs("terminal")
def test_a_terminal_gets_no_archive(here: Path) -> None:
    master, slave = os.openpty()
    words = command("prog", "--format", "tar", "-")
    ran = subprocess.run(words, cwd=here, env=environment(), stdout=slave, stderr=subprocess.PIPE, check=False)
    os.close(slave)
    os.close(master)
    hint = b"hint: redirect it to a file, or to a program such as tar\n"
    assert (ran.returncode, ran.stderr) == (5, b"error: output - is a terminal\n" + hint)


def test_a_report_and_a_bundle_do_not_share_stdout(here: Path) -> None:
    message = "a report and OUTPUT - both go to stdout: write the report to a file with --report-file"
    for option in ("--report=list", "--why=/prog"):
        result = magicpak("prog", "--format", "tar", option, "-", cwd=here)
        assert (result.code, result.stdout, errors(result)) == (2, "", [f"error: {message}"])
    result = magicpak("prog", "--format", "tar", "--report=list", "--dry-run", "-", cwd=here)
    assert (result.code, result.stderr, "/prog" in result.stdout) == (0, "", True)


@pytest.mark.parametrize("name", [*ARCHIVES, *IMAGES])
def test_limits_dry_runs_and_failed_tests_write_nothing(name: str, here: Path) -> None:
    assert magicpak("prog", "--size-limit", "1", name, cwd=here).code == 10
    assert magicpak("prog", "--dry-run", name, cwd=here).code == 0
    assert magicpak("prog", "--test", "--test-exit-code", "3", name, cwd=here).code == 8
    assert names(here) == ["prog"]


@pytest.mark.parametrize("name", ["b.tar", "b.oci.tar", "oci:b"])
def test_a_test_runs_the_bundle_before_it_is_written(name: str, here: Path) -> None:
    result = magicpak("prog", "--test", "-v", name, cwd=here)
    assert (result.code, "info: tested /prog: passed" in result.stderr) == (0, True)
    assert len(names(here)) > 1


def test_an_image_has_no_name_that_would_delete(here: Path) -> None:
    (here / ".wh.x").write_bytes(b"")
    result = magicpak("prog", "-i", here / ".wh.x", "b.oci.tar", cwd=here)
    path = f"{here}/.wh.x"
    message = f"error: output b.oci.tar cannot have {path}: in an image, a name that begins with .wh. deletes"
    assert (result.code, errors(result)) == (5, [message])
    done("prog", "-i", here / ".wh.x", "b.tar", cwd=here)


def test_a_path_that_is_not_utf_8_cannot_be_the_entrypoint(here: Path, static: Path) -> None:
    name = os.fsdecode(b"n\xff")
    executable(here / name, static.read_bytes())
    message = "error: /n\\xff is not UTF-8, and an image has nothing else in its config"
    for output in ("b.oci.tar", "oci:b"):
        result = magicpak(name, output, cwd=here)
        assert (result.code, errors(result)) == (2, [message])
    assert len(names(here)) == 2
    done(name, "--entrypoint", "", "b.oci.tar", cwd=here)


def test_an_attribute_with_an_equals_sign_in_its_name_is_a_warning(here: Path) -> None:
    os.setxattr(here / "prog", "user.a=b", b"c")
    warning = "warning: cannot preserve the extended attribute user.* of /prog: a tar archive has no = in its name\n"
    done("prog", "b.tar", cwd=here, stderr=warning)


def test_a_file_of_1_gib_takes_bounded_memory(here: Path) -> None:
    with (here / "data").open("wb") as file:
        file.truncate(1 << 30)

    def little_memory() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (64 << 20, 64 << 20))  # ru_maxrss would count that of pytest's fork

    done("prog", "-i", here / "data", "--format", "tar", "/dev/null", cwd=here, preexec_fn=little_memory)
