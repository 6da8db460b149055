"""What an image takes over from the one that it is laid onto, whoever has written that."""

from collections.abc import Sequence
from typing import Any

from magicpak.bundle.image import BaseImage

_MAPS, _LISTS, _TEXTS = ("ExposedPorts", "Labels"), ("Env",), ("User", "WorkingDir", "StopSignal")


def inherited(base: BaseImage | None) -> dict[str, Any]:
    """Return how `base` is run, as far as it is what the specification says (config.md)."""
    found = base.config.get("config") if base is not None else None
    if not isinstance(found, dict):
        return {}
    kinds: dict[str, type] = {
        **dict.fromkeys(_MAPS, dict),
        **dict.fromkeys(_LISTS, list),
        **dict.fromkeys(_TEXTS, str),
    }
    kept: dict[str, Any] = {key: value for key, value in found.items() if isinstance(value, kinds.get(key, object))}
    if not all(isinstance(each, str) for each in kept.get("Env", ())):
        del kept["Env"]
    return kept


def history(base: BaseImage | None, own: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the history of all layers, of which `own` has an entry for each: those of the base have its own."""
    if base is None:
        return list(own)
    count = len(base.layers)
    found = base.config.get("history")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        return list(own)
    if sum(not each.get("empty_layer") for each in found) != count:
        return list(own)
    return [*found, *own[count:]]
