"""Writes the plan to OUTPUT, in the form that was asked for."""

from typing import TYPE_CHECKING

from magicpak.bundle.plan import total_size
from magicpak.collect.result import Result
from magicpak.errors import OutputNotUsable
from magicpak.log import Log
from magicpak.options import LogLevel
from magicpak.outputs.directory import DirectoryOutput
from magicpak.outputs.form import Destined, Format
from magicpak.outputs.output import Inspect, Output, WriteResult
from magicpak.text import count_noun, format_size, printable

if TYPE_CHECKING:
    from magicpak.bundle.platform import Platform
    from magicpak.outputs.image_config import ImageSettings


class Writing:
    """What OUTPUT is to be, and what an image says of itself.

    `source_date_epoch` is the latest time of a file, in seconds since the epoch.
    """

    def __init__(self, destined: Destined, image: "ImageSettings | None", source_date_epoch: int | None) -> None:
        self._destined = destined
        self._image = image
        self._result: Result | None = None
        self._source_date_epoch = source_date_epoch
        self._output = self._make_output()

    def check(self) -> None:
        """Raise OutputNotUsable if nothing could be written there now, without changing anything."""
        self._output.check()

    def run(self, result: Result, inspect: Inspect | None, log: Log) -> WriteResult:
        """Write the plan of `result`, and return what was written. Raises what `Output.write` does."""
        self._result = result
        plan = result.plan
        log.warn_all(self._warnings(result))
        if log.shows(LogLevel.DEBUG):
            for item in plan:
                log.debug(f"{printable(item.path)}: {item.because}")
        log.doing_all("copying", lambda: self._output.copied, lambda: total_size(plan))
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

        return ImageOutput(destined, self._describe, self._source_date_epoch)

    def _describe(self) -> "tuple[ImageSettings, Platform]":
        """Return what the image says of itself, and its platform: that of the first INPUT, or of what runs it."""
        from magicpak.elf.facts import machine_name
        from magicpak.elf.platform import platform_of

        assert self._result is not None and self._image is not None  # noqa: S101, PT018 - for the type checker
        image, facts = self._image, self._result.placed[0].resolved.closure.program.facts
        platform = platform_of(facts)
        if platform is None:
            raise OutputNotUsable(self._destined.name, f"cannot be an image for {machine_name(facts.kind)}")
        if image.entrypoint is None:
            image = image._replace(entrypoint=[self._result.inputs.all[0].place])
        return image, platform

    def _warnings(self, result: Result) -> list[str]:
        """Return a warning for a program that the image would start, by its absolute path, and does not have."""
        if self._image is None or self._image.entrypoint is None:
            return []
        command = [*self._image.entrypoint, *self._image.cmd]
        if not command or not command[0].startswith("/") or result.plan.reached(command[0])[0] is not None:
            return []
        return [f"{printable(command[0])}, which the image starts, is not in the bundle"]
