"""What loaders load, as a report has it."""

from collections.abc import Iterator, Mapping, Sequence

from magicpak.collect.libraries import Placed
from magicpak.ldso.closure import chain
from magicpak.ldso.loader import Loaded, Need
from magicpak.reports import document as doc
from magicpak.reports.locations import Locations
from magicpak.resolve.libraries import Resolved, missing_needs
from magicpak.resolve.missing import searched_places


def processes(placed: Sequence[Placed], places: Locations) -> Iterator[doc.ReportProcess]:
    """Yield each closure of `placed` for a report."""
    for each in placed:
        resolved = each.resolved
        yield doc.ReportProcess(
            given=each.program.argument if each.program else None,
            interpreter=resolved.closure.program.facts.interpreter,
            trouble=resolved.interpreter_error,
            objects=tuple(_objects(resolved, places.of_objects(each))),
        )


def missing(all_resolved: Sequence[Resolved]) -> Iterator[doc.ReportMissing]:
    """Yield each library and interpreter that nothing satisfies, for a report."""
    for resolved in all_resolved:
        if resolved.interpreter_error is not None:
            program = resolved.closure.program
            interpreter = program.facts.interpreter or ""
            yield doc.ReportMissing(interpreter, (program.path,), (), resolved.interpreter_error)
    for each in missing_needs(all_resolved):
        need = each.need
        needed_by = tuple(reversed(chain(need.by, each.resolved.closure.program)))
        directories, cache = searched_places(each)
        yield doc.ReportMissing(need.name, needed_by, (*directories, *([cache] if cache else [])), need.load_error)


def _objects(resolved: Resolved, places: Mapping[Loaded, str | None]) -> Iterator[doc.ReportObject]:
    closure = resolved.closure
    program = closure.program
    variants: dict[tuple[Loaded | None, str], list[Loaded]] = {}
    for variant in (*closure.variants, *(each for auditor in closure.auditors for each in auditor.variants)):
        variants.setdefault((variant.needed_by, variant.name), []).append(variant)
    by_path: dict[str, Loaded] = {}
    for each in closure.everything:  # an audit library's copy of a library, such as libc, is the same file
        by_path.setdefault(each.path, each)
    needed = {id(need.satisfied_by) for each in closure.everything for need in each.needs}
    for loaded in by_path.values():
        needs = []
        if loaded is program:
            needs += [_interpreter(resolved, places)] if program.facts.interpreter else []
            needs += [_dlopened(each, places) for each in closure.objects[1:] if id(each) not in needed]
        for need in loaded.needs:
            needs.append(_need(need, places))
            needs += [_variant(need, variant, places) for variant in variants.pop((loaded, need.name), ())]
        yield doc.ReportObject(loaded.path, places[loaded], loaded.facts.soname, tuple(needs))
    interpreter = closure.interpreter
    if interpreter is not None:
        yield doc.ReportObject(interpreter.path, places[interpreter], interpreter.facts.soname, ())


def _interpreter(resolved: Resolved, places: Mapping[Loaded, str | None]) -> doc.ReportNeed:
    name = resolved.closure.program.facts.interpreter or ""
    loaded = resolved.closure.interpreter
    if loaded is None:
        return doc.ReportNeed(name, None, None, None, optional=False, trouble=resolved.interpreter_error)
    return doc.ReportNeed(name, loaded.path, loaded.found.rule.value, places[loaded], optional=False, trouble=None)


def _need(need: Need, places: Mapping[Loaded, str | None]) -> doc.ReportNeed:
    loaded = need.satisfied_by
    if loaded is None:
        return doc.ReportNeed(need.name, None, None, None, need.optional, need.load_error)
    found = need.found or loaded.found
    rule = f"{found.rule.value}, as an audit library" if need.audits else found.rule.value
    return doc.ReportNeed(need.name, found.path, rule, places[loaded], need.optional, None)


def _dlopened(loaded: Loaded, places: Mapping[Loaded, str | None]) -> doc.ReportNeed:
    return doc.ReportNeed(loaded.path, loaded.path, "dlopen(3)", places[loaded], optional=True, trouble=None)


def _variant(need: Need, variant: Loaded, places: Mapping[Loaded, str | None]) -> doc.ReportNeed:
    rule = f"{variant.found.rule.value}, for newer processors"
    return doc.ReportNeed(need.name, variant.path, rule, places[variant], optional=True, trouble=None)
