"""The modules of the executables of a bundle, each once, and which of them need which."""

import os
from collections.abc import Mapping

from magicpak.elf.errors import ElfError
from magicpak.elf.modules import LinkedModule, read_modules
from magicpak.files.view import open_file
from magicpak.records.model import RecordedModule
from magicpak.records.purl import package_url


class ModuleTable:
    """The modules of those files that were read so far, by their package URLs, and what each needs."""

    def __init__(self) -> None:
        self._modules: dict[str, RecordedModule] = {}
        self._needs: dict[str, set[str]] = {}

    def of(self, path: str) -> tuple[str, ...]:
        """Return the package URLs of the modules in the ELF file at `path` of the host; what is unreadable has none."""
        try:
            descriptor = open_file(path)
            try:
                found = read_modules(descriptor)
            finally:
                os.close(descriptor)
        except (ElfError, OSError):
            return ()
        refs = [_package_url(each) for each in found]
        for each, ref in zip(found, refs, strict=True):
            self._modules.setdefault(ref, RecordedModule(each.name, each.version, ref))
            self._needs.setdefault(ref, set()).update(refs[number] for number in each.needs)
        return tuple(sorted(set(refs)))

    def all(self) -> tuple[RecordedModule, ...]:
        """Return the modules in order."""
        return tuple(self._modules[ref] for ref in sorted(self._modules))

    def needs(self) -> Mapping[str, tuple[str, ...]]:
        """Return what each module needs, in order."""
        return {ref: tuple(sorted(needs - {ref})) for ref, needs in sorted(self._needs.items())}


def _package_url(module: LinkedModule) -> str:
    """Return the package URL; Go's names are in small letters (PURL-TYPES)."""
    name = module.name.lower() if module.kind == "golang" else module.name
    return package_url(module.kind, name, module.version)
