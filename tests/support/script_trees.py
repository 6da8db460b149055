"""Small installations of the interpreter of a language, and what scripts need of them."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from magicpak.scripts.needs import Language, ScriptFile, ScriptNeeds
from magicpak.scripts.sources import MAX_SOURCE, Sources


class ScriptTree:
    """An installation below `root` of what reads scripts of `language`, with modules of others in `vendor`."""

    def __init__(self, root: Path, language: Language, interpreter: Path, vendor: Path) -> None:
        self.root, self.language, self.interpreter, self.vendor = root, language, interpreter, vendor
        self.sources = Sources()

    def add(self, path: Path | str, text: str | bytes = "") -> str:
        """Write a file, below the vendor's directory if it has no directory of its own, and return its path."""
        place = self.vendor / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(place)

    def add_programs(self, *names: str) -> str:
        """Add programs that do nothing, and return the PATH on which they are."""
        for name in names:
            self.add(self.root / "bin" / name)
            (self.root / "bin" / name).chmod(0o755)
        return str(self.root / "bin")

    def needs(
        self,
        code: str | bytes,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        *,
        whole: bool = False,
    ) -> ScriptNeeds:
        """Return what a script with this code needs."""
        script = self.add(self.root / "bin/script", code)
        file = ScriptFile(script, str(self.interpreter), arguments, environment or {})
        return self.language.script(file, self.sources, whole=whole)

    def files(
        self, code: str | bytes, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> list[str]:
        """Return the files that a script with this code needs, as they are called below the vendor's directory."""
        needed = [each.path for each in self.needs(code, arguments, environment).files]
        return sorted(path.removeprefix(f"{self.vendor}/") for path in needed)

    def programs(self, code: str) -> list[str]:
        """Return the names of the programs that a script with this code executes."""
        return [Path(each.path).name for each in self.needs(code).programs]

    def has_bounded_time(self, piece: str) -> bool:
        """Return whether a script of this piece again and again takes about four times as long as a fourth of it."""
        code = (piece * (MAX_SOURCE // len(piece)))[:MAX_SOURCE]
        start = time.process_time()
        self.needs(code[: MAX_SOURCE // 64])
        short = time.process_time() - start
        start = time.process_time()
        self.needs(code[: MAX_SOURCE // 16])
        return time.process_time() - start < 10 * short + 1


def library(language: Language, interpreter: Path, sources: Sources) -> list[str]:
    """Return the files of the library of an interpreter; the reason is the same for each."""
    needs = language.library(str(interpreter), sources)
    assert {str(each.because) for each in needs.files} <= {f"the standard library of {interpreter}"}
    assert list(needs.warnings) == ([] if needs.files else [f"{interpreter}: its standard library is not found"])
    return [each.path for each in needs.files]
