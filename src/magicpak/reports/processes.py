"""What loaders bring in, as a report tells it."""

from collections.abc import Iterator, Mapping, Sequence

from magicpak.collect.libraries import Placed
from magicpak.ldso.closure import chain
from magicpak.ldso.loader import Loaded, Need
from magicpak.reports import document as told
from magicpak.reports.locations import Locations
from magicpak.resolve.inputs import Program
from magicpak.resolve.libraries import Resolved, missing_needs
from magicpak.resolve.missing import searched_directories


def processes(placed: Sequence[Placed], programs: Sequence[Program], places: Locations) -> Iterator[told.ReportProcess]:
    """Yield what is told of each closure of `placed`, of which the first are those of `programs`, the INPUTs."""
    inputs = [*programs, *[None] * (len(placed) - len(programs))]
    for each, program in zip(placed, inputs, strict=True):
        resolved = each.resolved
        yield told.ReportProcess(
            given=program.given if program else None,
            interpreter=resolved.closure.program.facts.interpreter,
            trouble=resolved.trouble,
            objects=tuple(_objects(resolved, places.of_objects(each, program))),
        )


def missing(all_resolved: Sequence[Resolved]) -> Iterator[told.ReportMissing]:
    """Yield what is told of each library and interpreter that nothing satisfies."""
    for resolved in all_resolved:
        if resolved.trouble is not None:
            program = resolved.closure.program
            yield told.ReportMissing(program.facts.interpreter or "", (program.path,), (), resolved.trouble)
    for resolved, need in missing_needs(all_resolved):
        needed_by = tuple(reversed(chain(need.by, resolved.closure.program)))
        directories, cache = searched_directories(resolved, need)
        yield told.ReportMissing(need.name, needed_by, (*directories, *([cache] if cache else [])), need.trouble)


def _objects(resolved: Resolved, places: Mapping[Loaded, str | None]) -> Iterator[told.ReportObject]:
    closure = resolved.closure
    program = closure.program
    variants: dict[tuple[Loaded | None, str], list[Loaded]] = {}
    for variant in closure.variants:
        variants.setdefault((variant.needed_by, variant.name), []).append(variant)
    objects = (*closure.objects, *closure.variants)
    needed = {id(need.satisfied_by) for each in objects for need in each.needs}
    for loaded in objects:
        needs = []
        if loaded is program:
            needs += [_interpreter(resolved, places)] if program.facts.interpreter else []
            needs += [_dlopened(each, places) for each in closure.objects[1:] if id(each) not in needed]
        for need in loaded.needs:
            needs.append(_need(need, places))
            needs += [_variant(need, variant, places) for variant in variants.pop((loaded, need.name), ())]
        yield told.ReportObject(loaded.path, places[loaded], loaded.facts.soname, tuple(needs))
    interpreter = closure.interpreter
    if interpreter is not None:
        yield told.ReportObject(interpreter.path, places[interpreter], interpreter.facts.soname, ())


def _interpreter(resolved: Resolved, places: Mapping[Loaded, str | None]) -> told.ReportNeed:
    name = resolved.closure.program.facts.interpreter or ""
    loaded = resolved.closure.interpreter
    if loaded is None:
        return told.ReportNeed(name, None, None, None, optional=False, trouble=resolved.trouble)
    return told.ReportNeed(name, loaded.path, loaded.found.rule.value, places[loaded], optional=False, trouble=None)


def _need(need: Need, places: Mapping[Loaded, str | None]) -> told.ReportNeed:
    loaded = need.satisfied_by
    if loaded is None:
        return told.ReportNeed(need.name, None, None, None, need.optional, need.trouble)
    found = need.found or loaded.found
    return told.ReportNeed(need.name, found.path, found.rule.value, places[loaded], need.optional, None)


def _dlopened(loaded: Loaded, places: Mapping[Loaded, str | None]) -> told.ReportNeed:
    return told.ReportNeed(loaded.path, loaded.path, "dlopen(3)", places[loaded], optional=True, trouble=None)


def _variant(need: Need, variant: Loaded, places: Mapping[Loaded, str | None]) -> told.ReportNeed:
    rule = f"{variant.found.rule.value}, for certain processors"
    return told.ReportNeed(need.name, variant.path, rule, places[variant], optional=True, trouble=None)
