from magicpak.tracing.trace import Access, Backup, Execution, Trace, Use, within

SHELL, SERVER, CLIENT, TOOL = (1, 1), (1, 2), (1, 3), (1, 4)


def ran(parent: int | None, inode: tuple[int, int], *, forked: bool = False) -> Execution:
    return Execution(100, parent, forked, "/x", "/x", inode, (), "/", 0)


def used(execution: int, path: str) -> Use:
    return Use(execution, "open", Access.READ, path, "", 0, "/", by_loader=False)


def scope(trace: Trace, programs: set[tuple[int, int]]) -> Trace | None:
    return within(trace, lambda execution: execution.inode in programs)


def test_only_the_program_and_what_came_from_it_counts_and_is_numbered_anew() -> None:
    kept = (Backup("/k", None, None, 0o40755, 0, 0, 0),)
    trace = Trace(
        (
            ran(None, SHELL),
            ran(0, SHELL, forked=True),
            ran(1, SERVER),
            ran(0, SHELL, forked=True),
            ran(3, CLIENT),
            ran(2, SERVER, forked=True),
            ran(5, TOOL),
        ),
        tuple(used(index, f"/{index}") for index in (0, 6, 2, 1, 3, 4, 5, 2)),
        kept,
        3,
    )
    assert scope(trace, {SERVER}) == Trace(
        (ran(None, SERVER), ran(0, SERVER, forked=True), ran(1, TOOL)),
        (used(2, "/6"), used(0, "/2"), used(1, "/5"), used(0, "/2")),
        kept,
        3,
    )


def test_a_program_that_replaces_another_of_the_scope_is_of_the_scope_and_so_is_what_it_executes() -> None:
    trace = Trace((ran(None, SERVER), ran(0, TOOL), ran(1, SERVER), ran(2, TOOL)), (), ())
    assert scope(trace, {SERVER}) == trace


def test_several_programs_are_one_scope() -> None:
    trace = Trace((ran(None, SHELL), ran(0, TOOL), ran(0, CLIENT), ran(0, SERVER)), (used(2, "/c"), used(3, "/s")), ())
    assert scope(trace, {SERVER, TOOL}) == Trace((ran(None, TOOL), ran(None, SERVER)), (used(1, "/s"),), ())


def test_where_the_program_was_not_executed_there_is_no_scope() -> None:
    assert scope(Trace((ran(None, SHELL), ran(0, CLIENT)), (used(0, "/a"),), ()), {SERVER}) is None


def test_an_execution_may_come_before_the_one_that_it_comes_from() -> None:
    trace = Trace((ran(2, TOOL, forked=True), ran(None, SHELL), ran(1, SERVER)), (used(0, "/a"),), ())
    assert scope(trace, {SERVER}) == Trace((ran(1, TOOL, forked=True), ran(None, SERVER)), (used(0, "/a"),), ())


def test_a_line_of_ten_thousand_processes_is_followed() -> None:
    line = (ran(None, SERVER), *(ran(index, SERVER, forked=True) for index in range(10_000)))
    assert scope(Trace(line, (), ()), {SERVER}) == Trace(line, (), ())
    back = (*(ran(index + 1, SERVER, forked=True) for index in range(10_000)), ran(None, SERVER))
    assert scope(Trace(back, (), ()), {SERVER}) == Trace(back, (), ())
