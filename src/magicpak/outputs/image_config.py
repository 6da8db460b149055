"""The config of an image, its manifest and its index, as the OCI image specification has them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from magicpak.bundle.image import BaseImage
from magicpak.bundle.platform import Platform
from magicpak.errors import InvalidUsage
from magicpak.outputs.blob import Blob
from magicpak.outputs.inherited import history, inherited
from magicpak.text import printable, timestamp

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # what docker build gives an image
_TYPE = "application/vnd.oci.image"
_TAG, _CONTAINERD_NAME = "org.opencontainers.image.ref.name", "io.containerd.image.name"

Json = dict[str, Any]


class ImageSettings(NamedTuple):
    """What an image says about how it is run, in the words of a Dockerfile.

    `entrypoint` is None where it is the INPUT's path, and empty for none. `tag` is its name, with a tag.
    """

    entrypoint: Sequence[str] | None = None
    cmd: Sequence[str] = ()
    env: Mapping[str, str] = {}
    user: str | None = None
    workdir: str | None = None
    expose: Sequence[str] = ()
    label: Mapping[str, str] = {}
    stop_signal: str | None = None
    tag: str | None = None


class Layer(NamedTuple):
    """A layer as it is stored, and the digest of its tar archive."""

    blob: Blob
    diff_id: str
    compressed: bool


def config(
    settings: ImageSettings, platform: Platform, layers: Sequence[Layer], seconds: int, base: BaseImage | None = None
) -> bytes:
    """Return the config of an image that was created `seconds` after the epoch, on `base`. Raises InvalidUsage."""
    created = timestamp(seconds)
    return _encoded(
        {
            **_platform(platform),
            "created": created,
            "config": _run_config(settings, inherited(base)),
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": history(base, [{"created": created, "created_by": "magicpak"}] * len(layers)),
        }
    )


def manifest(config_blob: Blob, layers: Sequence[Layer]) -> bytes:
    """Return the manifest of an image."""
    described = [_descriptor(f"layer.v1.tar{'+gzip' if each.compressed else ''}", each.blob) for each in layers]
    return _encoded(
        {
            "schemaVersion": 2,
            "mediaType": f"{_TYPE}.manifest.v1+json",
            "config": _descriptor("config.v1+json", config_blob),
            "layers": described,
        }
    )


def index(manifest_blob: Blob, platform: Platform, tag: str | None, name: str | None) -> bytes:
    """Return the index of a layout with one image, with its `tag` there and its full `name`."""
    annotations = {_TAG: tag, _CONTAINERD_NAME: name and _full_name(name)}
    known = {key: value for key, value in annotations.items() if value}
    described = {**_descriptor("manifest.v1+json", manifest_blob), "platform": _platform(platform)}
    return _encoded(
        {
            "schemaVersion": 2,
            "mediaType": f"{_TYPE}.index.v1+json",
            "manifests": [{**described, "annotations": known} if known else described],
        }
    )


def docker_manifest(config_blob: Blob, layers: Sequence[Layer], name: str | None) -> bytes:
    """Return manifest.json, which docker load reads."""
    names = [name] if name else None
    return _encoded([{"Config": config_blob.path, "RepoTags": names, "Layers": [each.blob.path for each in layers]}])


def _platform(platform: Platform) -> Json:
    """Return the fields that the config and the index have in common."""
    variant = {"variant": platform.variant} if platform.variant else {}
    return {"architecture": platform.architecture, "os": "linux", **variant}


def _run_config(settings: ImageSettings, base: Json) -> Json:
    """Return how the image is run: as `settings` say, otherwise as `base` does; a new entrypoint has its own Cmd."""
    env = dict(pair.partition("=")[::2] for pair in base.get("Env", ())) | dict(settings.env)
    env = env if "PATH" in env else {"PATH": _PATH, **env}
    values: Json = {
        **{key: value for key, value in base.items() if settings.entrypoint is None or key != "Cmd"},
        "User": settings.user or base.get("User"),
        "ExposedPorts": {**(base.get("ExposedPorts") or {}), **{port: {} for port in settings.expose}},
        "Env": [f"{name}={value}" for name, value in env.items()],
        "Entrypoint": settings.entrypoint,
        "Cmd": settings.cmd,
        "WorkingDir": settings.workdir or base.get("WorkingDir") or "/",
        "Labels": {**(base.get("Labels") or {}), **settings.label},
        "StopSignal": settings.stop_signal or base.get("StopSignal"),
    }
    return {key: value for key, value in values.items() if value}


def _descriptor(kind: str, blob: Blob) -> Json:
    return {"mediaType": f"{_TYPE}.{kind}", "digest": blob.digest, "size": blob.size}


def _full_name(name: str) -> str:
    """Return the name of an image with its registry, as containerd has it."""
    first, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    return name if first == "localhost" or "." in first or ":" in first else f"docker.io/{name}"


def _encoded(value: object) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        before, after = error.object[: error.start].rpartition('"')[2], error.object[error.start :].partition('"')[0]
        message = f"{printable(before + after)} is not UTF-8, and an image has nothing else in its config"
        raise InvalidUsage(message) from None
