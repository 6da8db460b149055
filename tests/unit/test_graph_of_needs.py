"""The graph of needs: one node for each object, in layers, with no more edges than it takes."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from magicpak.reports.document import ReportEntry, ReportNeed, ReportObject, ReportProcess
from magicpak.reports.entries import Entries
from magicpak.reports.html.coordinates import HEIGHT, assign_coordinates
from magicpak.reports.html.graph import GraphNode, graph
from magicpak.reports.html.layers import SMALL_GRAPH, assign_layers


def graphs(most: int = 30) -> st.SearchStrategy[list[list[int]]]:
    """Return graphs of all kinds, with circles: for each node those to which it leads."""

    def of_size(count: int) -> st.SearchStrategy[list[list[int]]]:
        ends = st.sets(st.integers(0, count - 1), max_size=6)
        every = st.lists(ends, min_size=count, max_size=count)
        return every.map(lambda needs: [sorted(each - {at}) for at, each in enumerate(needs)])

    return st.integers(1, most).flatmap(of_size)


def reachable(edges: set[tuple[int, int]], count: int) -> set[tuple[int, int]]:
    """Return all pairs of nodes of which one leads to the other, in however many steps."""
    found = set(edges)
    for middle in range(count):
        into = {start for start, end in found if end == middle}
        out = {end for start, end in found if start == middle}
        found |= {(start, end) for start in into for end in out}
    return found


@given(graphs())
def test_every_edge_leads_to_a_later_layer_and_those_that_close_a_circle_do_not(needs: list[list[int]]) -> None:
    drawn = assign_layers(needs)
    assert len(drawn.layers) == len(needs)
    assert all(drawn.layers[start] < drawn.layers[end] for start, end in drawn.edges)
    every = {(start, end) for start, ends in enumerate(needs) for end in ends}
    assert {*drawn.edges, *drawn.back} <= every
    assert set(drawn.edges) & set(drawn.back) == set()


@given(graphs(SMALL_GRAPH))
def test_edges_that_are_left_out_follow_from_those_that_are_drawn(needs: list[list[int]]) -> None:
    drawn = assign_layers(needs)
    assert drawn.common == frozenset()
    every = {(start, end) for start, ends in enumerate(needs) for end in ends}
    count = len(needs)
    assert reachable({*drawn.edges, *drawn.back}, count) == reachable(every, count)
    for edge in drawn.edges:
        others = set(drawn.edges) - {edge}
        assert edge not in reachable(others, count)


def test_what_most_of_many_need_stands_last_and_has_no_edges_from_before() -> None:
    libraries, libc, loader = range(1, 20), 20, 21
    needs = [[*libraries, libc], *([libc] for _ in libraries), [loader], []]
    drawn = assign_layers(needs)
    assert drawn.common == {libc}
    assert drawn.layers == (0, *(1 for _ in libraries), 2, 3)
    assert drawn.edges == (*((0, each) for each in libraries), (libc, loader))


def test_a_chain_of_thousands_is_no_matter_of_recursion() -> None:
    count = 3000
    drawn = assign_layers([*([at + 1] for at in range(count - 1)), [0]])
    assert drawn.layers == tuple(range(count))
    assert drawn.back == ((count - 1, 0),)


@given(graphs(), st.data())
def test_nodes_do_not_overlap_and_edges_begin_and_end_at_theirs(needs: list[list[int]], data: st.DataObject) -> None:
    widths = data.draw(st.lists(st.floats(10, 300), min_size=len(needs), max_size=len(needs)))
    drawn = assign_layers(needs)
    place = assign_coordinates(drawn.layers, drawn.edges, widths)
    for at, spot in enumerate(place.nodes):
        assert spot.width == widths[at]
        assert 0 <= spot.x <= place.width - spot.width + 1e-6
        assert HEIGHT / 2 - 1e-6 <= spot.y <= place.height - HEIGHT / 2 + 1e-6
        for other in place.nodes[at + 1 :]:
            assert abs(spot.y - other.y) >= HEIGHT - 1e-6 or not (
                spot.x < other.x + other.width and other.x < spot.x + spot.width
            )
    assert set(place.routes) == set(drawn.edges)
    for (start, end), way in place.routes.items():
        assert (way[0], way[-1]) == (place.nodes[start], place.nodes[end])
        assert len(way) == drawn.layers[end] - drawn.layers[start] + 1
        assert all(one.x + one.width < other.x for one, other in pairwise(way))


def test_what_has_no_edge_stands_in_rows_below_the_rest() -> None:
    programs, libc = range(40), 42
    drawn = assign_layers([*([libc] for _ in programs), [41, libc], [libc], []])
    place = assign_coordinates(drawn.layers, drawn.edges, [100.0] * 43)
    assert min(place.nodes[at].y for at in programs) > max(place.nodes[at].y for at in (40, 41, libc))
    assert len({place.nodes[at].y for at in programs}) == 4


@given(graphs())
def test_the_same_graph_is_placed_the_same(needs: list[list[int]]) -> None:
    drawn = assign_layers(needs)
    widths = [50.0] * len(needs)
    assert assign_coordinates(drawn.layers, drawn.edges, widths) == assign_coordinates(
        drawn.layers, drawn.edges, widths
    )


def entry(path: str, target: str | None = None) -> ReportEntry:
    return ReportEntry(path, "link" if target else "file", 0, "0755", 0, 0, None, target, "", None, None)


def need(name: str, path: str | None = None, *, found: str | None = None, optional: bool = False) -> ReportNeed:
    return ReportNeed(name, found or path, None, path, optional, None)


APP, TOOL, LIBRARY = entry("/bin/app"), entry("/bin/tool"), entry("/lib/liba.so.1.2")
ENTRIES = Entries([APP, TOOL, LIBRARY, entry("/lib/liba.so.1", "liba.so.1.2")])


def process(path: str, *needs: ReportNeed, given: str | None = "x") -> ReportProcess:
    liba = ReportObject("/lib/liba.so.1", "/lib/liba.so.1", "liba.so.1", ())
    return ReportProcess(given, None, None, (ReportObject(path, path, None, needs), liba))


def test_a_library_of_several_programs_is_one_node_by_whichever_path_it_is_found() -> None:
    nodes = graph(
        [
            process("/bin/app", need("liba.so.1", "/lib/liba.so.1")),
            process("/bin/tool", need("liba.so.1", "/lib/liba.so.1.2")),
        ],
        ENTRIES,
    )
    assert nodes == [
        GraphNode("app", "program", APP, (1,)),
        GraphNode("liba.so.1", "library", LIBRARY),
        GraphNode("tool", "program", TOOL, (1,)),
    ]


def test_what_is_missing_is_a_node_unless_the_loader_forgives_it() -> None:
    needs = need("libgone.so"), need("libperhaps.so", optional=True), need("libleft.so", found="/usr/lib/libleft.so")
    stopped = need("libwrong.so", optional=True)._replace(trouble="is for another machine")
    nodes = graph([process("/bin/app", *needs, stopped)], ENTRIES)
    assert [(node.label, node.kind) for node in nodes] == [
        ("app", "program"),
        ("liba.so.1", "library"),
        ("libgone.so", "missing"),
        ("libleft.so", "outside"),
        ("libwrong.so", "missing"),
    ]
    assert nodes[0].needs == (2, 3, 4)


def test_what_is_loaded_by_itself_is_no_program_unless_it_is_one_elsewhere() -> None:
    nodes = graph([process("/bin/app", given=None), process("/bin/tool", given=None), process("/bin/tool")], ENTRIES)
    assert [(node.label, node.kind) for node in nodes] == [
        ("app", "library"),
        ("liba.so.1", "library"),
        ("tool", "program"),
    ]
