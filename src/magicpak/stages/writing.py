"""Writes the plan to OUTPUT, in the form that was asked for."""

import os
from typing import TYPE_CHECKING

from magicpak.bundle.entry import Copy
from magicpak.bundle.plan import BundlePlan, total_size
from magicpak.collect.result import Result
from magicpak.errors import OutputNotUsable
from magicpak.log import Log
from magicpak.options import LogLevel
from magicpak.outputs.directory import DirectoryOutput, inspect_copy
from magicpak.outputs.form import Destined, Format
from magicpak.outputs.layers import Layers
from magicpak.outputs.output import Inspect, Output, WriteResult
from magicpak.text import count_noun, format_size, printable

if TYPE_CHECKING:
    from magicpak.bundle.path import BundlePath
    from magicpak.outputs.image import ImageDescription
    from magicpak.outputs.image_config import ImageSettings


class Writing:
    """What OUTPUT is to be, what an image says of itself, and how many layers it has.

    `source_date_epoch` is the latest time of a file, in seconds since the epoch.
    """

    def __init__(
        self, destined: Destined, image: "ImageSettings | None", layers: Layers, source_date_epoch: int | None
    ) -> None:
        self._destined = destined
        self._image = image
        self._layers = layers
        self._description: ImageDescription | None = None
        self._source_date_epoch = source_date_epoch
        self._output = self._make_output()

    def check(self) -> None:
        """Raise OutputNotUsable if nothing could be written there now, without changing anything."""
        self._output.check()

    def run(self, result: Result, inspect: Inspect | None, log: Log) -> WriteResult:
        """Write the plan of `result`, and return what was written. Raises what `Output.write` does."""
        plan = result.plan
        if self._image is not None:
            self._description = self._describe(self._image, result, log)
            log.warn_all(_absent(self._image, result))
        if log.shows(LogLevel.DEBUG):
            for item in plan:
                log.debug(f"{printable(item.path)}: {item.because}")
        log.doing_all("copying", lambda: self._output.copied, lambda: total_size(plan))
        if result.laid is not None and inspect is not None:
            inspect_copy(_readable(result.laid.union), inspect, self._source_date_epoch)
            inspect = None
        written = self._output.write(plan, inspect)
        log.warn_all(written.warnings)
        log.info(f"wrote {count_noun(written.files, 'file')}, {format_size(written.size)}")
        return written

    def _make_output(self) -> Output:
        destined = self._destined
        if destined.format is Format.DIR:
            return DirectoryOutput(destined.name, self._source_date_epoch)
        if destined.format is Format.TAR:
            from magicpak.outputs.archive import TarOutput

            return TarOutput(destined, self._source_date_epoch)
        from magicpak.outputs.image import ImageOutput

        return ImageOutput(destined, self._described, self._source_date_epoch)

    def _described(self) -> "ImageDescription":
        assert self._description is not None  # noqa: S101 - `run` has made it
        return self._description

    def _describe(self, image: "ImageSettings", result: Result, log: Log) -> "ImageDescription":
        """Return what the image is; its platform is that of the first INPUT, or of what runs it."""
        from magicpak.elf.facts import machine_name
        from magicpak.elf.platform import platform_of
        from magicpak.outputs.image import ImageDescription

        facts = result.placed[0].resolved.closure.program.facts
        platform = platform_of(facts)
        if platform is None:
            raise OutputNotUsable(self._destined.name, f"cannot be an image for {machine_name(facts.kind)}")
        if image.entrypoint is None:
            image = image._replace(entrypoint=[result.inputs.all[0].place])
        lower = _of_packages(result, log) if self._layers is Layers.PACKAGE else ()
        base = result.base
        if base is None:
            return ImageDescription(image, platform, lower)
        return ImageDescription(image, platform, lower, base.image, () if base.image else tuple(base.plan))


def _readable(union: BundlePlan) -> BundlePlan:
    """Return `union` without what only root may read: an ordinary user tests it without that."""
    if os.geteuid() == 0:
        return union
    return union.without(lambda item: isinstance(item.entry, Copy) and not os.access(item.entry.source, os.R_OK))


def _of_packages(result: Result, log: Log) -> "frozenset[BundlePath]":
    """Return the paths of the files of system packages, without the INPUTs."""
    from magicpak.packages.owners import source_owners
    from magicpak.reports.locations import Locations

    locations = Locations(result)
    inputs = {result.plan.reached(each.place)[1] for each in result.inputs.all}
    on_host = {item.path: locations.on_host(item) for item in result.plan if item.path not in inputs}
    found = source_owners([path for path in on_host.values() if path is not None], result.files)
    log.warn_all(found.warnings)
    return frozenset(place for place, path in on_host.items() if path in found.by_path)


def _absent(image: "ImageSettings", result: Result) -> list[str]:
    """Return a warning for a program that the image would start, by its absolute path, and does not have."""
    command = [*image.entrypoint, *image.cmd] if image.entrypoint is not None else []
    if not command or not command[0].startswith("/") or result.whole.reached(command[0])[0] is not None:
        return []
    return [f"{printable(command[0])}, which the image starts, is not in the bundle"]
