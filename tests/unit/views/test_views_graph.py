"""Pictures: true to the graph, well-formed whatever names say, and nothing overlaps."""

from __future__ import annotations

import random
import re
from xml.etree import ElementTree

import pytest

from bbq.errors import UsageError
from bbq.journal.model import Record
from bbq.topology.model import Edge, Node, Topology
from bbq.views import graph
from bbq.views.graph.layout import Layout, arrange
from bbq.views.graph.model import Picture

SVG = "{http://www.w3.org/2000/svg}"


def node(name: str, type: str = "t", **fields) -> Node:
    return Node(name, type, (type,), **fields)


def width(name: str) -> float:
    return 120.0


def inside(inner, outer) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.bottom <= outer.bottom
    )


def apart(a, b) -> bool:
    return a.x + a.width <= b.x or b.x + b.width <= a.x or a.bottom <= b.y or b.bottom <= a.y


def check(picture: Picture, layout: Layout) -> None:
    """Boxes lie in the box they belong to and never on a sibling; arrows start and end at the border of their boxes."""
    assert set(layout.rects) == set(picture.boxes)
    for name, box in picture.boxes.items():
        rect = layout.rects[name]
        assert rect.x >= 0 and rect.y >= 0
        assert rect.x + rect.width <= layout.width + 0.01 and rect.bottom <= layout.height + 0.01
        if box.inside is not None:
            assert inside(rect, layout.rects[box.inside])
        for other in picture.children(box.inside):
            assert other == name or apart(rect, layout.rects[other]), (name, other)
    for arrow, path in zip(picture.arrows, layout.paths, strict=True):
        for (x, y), end in ((path[0], arrow.source), (path[-1], arrow.target)):
            rect = layout.rects[end]
            assert rect.x <= x <= rect.x + rect.width and y in (rect.y, rect.bottom)


def wild(seed: int, size: int) -> Topology:
    """A random graph with hosts in hosts and arrows across them."""
    rng = random.Random(seed)
    nodes: dict[str, Node] = {}
    for index in range(size):
        names = list(nodes)
        edges = [Edge("c", other, "r") for other in rng.sample(names, min(len(names), rng.randrange(4)))]
        if names and rng.random() < 0.4:
            edges.append(Edge("host", rng.choice(names[: max(1, size // 4)]), "HostedOn", hosted=True))
        nodes[f"n{index}"] = node(f"n{index}", "t", edges=edges)
    return Topology(nodes)


@pytest.mark.parametrize("seed", range(25))
def test_nothing_overlaps_in_random_graphs(seed: int) -> None:
    picture = graph.from_topology(wild(seed, 4 + seed * 2))
    check(picture, arrange(picture, width))


def test_what_needs_stands_above_what_is_needed(topology: Topology) -> None:
    picture = graph.from_topology(topology)
    layout = arrange(picture, width)
    check(picture, layout)
    assert layout.rects['app "<&>"'].bottom < layout.rects["spark"].y
    assert layout.rects["spark.worker[0]"].bottom < layout.rects["spark.master"].y


def test_containment_and_arrows(topology: Topology) -> None:
    picture = graph.from_topology(topology, {"db": "ready", "spark.worker[1]": "failed", "spark.master": "created"})
    boxes = picture.boxes
    assert boxes["db"].inside == "host" and boxes["spark.master"].inside == "spark"
    assert boxes["spark.master"].label == "master"
    assert [boxes[n].state for n in ("db", "spark.worker[1]", "spark.master", "spark")] == [
        "ready",
        "failed",
        "changing",
        "planned",
    ]
    ends = {(arrow.source, arrow.target) for arrow in picture.arrows}
    assert ('app "<&>"', "db") in ends and ("spark.worker[0]", "spark.master") in ends
    assert ("db", "host") not in ends and not any(source == "spark" for source, _ in ends)


def test_many_instances_become_one_box() -> None:
    nodes = {"m": node("m", "t")} | {f"w[{i}]": node(f"w[{i}]", "t", edges=[Edge("c", "m", "r")]) for i in range(50)}
    states = {f"w[{i}]": "ready" for i in range(49)} | {"w[49]": "failed"}
    picture = graph.from_topology(Topology(nodes), states)
    assert list(picture.boxes) == ["m", "w[]"]
    assert (picture.boxes["w[]"].count, picture.boxes["w[]"].state) == (50, "failed")
    assert len(picture.arrows) == 1
    assert "50 × t · 1 failed, 49 ready" in graph.render(picture, "svg")


def test_from_records(evil) -> None:
    records = {
        "a": Record("a", "bbq.nodes.Database", "ready"),
        "c": Record("c", "t", "ready", members=("c.x",)),
        "c.x": Record("c.x", "t", "failed", parent="c", depends_on=("a",), error=evil[0]),
        "b": Record("b", "t", "deleting", depends_on=("c", "c.x", "gone")),
    }
    picture = graph.from_records(records, "demo")
    assert {(arrow.source, arrow.target) for arrow in picture.arrows} == {("c.x", "a"), ("b", "c")}
    assert picture.boxes["c.x"].inside == "c"
    assert evil[1] in graph.render(picture, "svg")


def test_a_loop_of_hosts_is_drawn_flat() -> None:
    picture = graph.from_records({"a": Record("a", "t", parent="b"), "b": Record("b", "t", parent="a")})
    assert all(box.inside is None for box in picture.boxes.values())
    graph.render(picture, "svg")


def test_boxes_that_need_each_others_insides() -> None:
    nodes = {
        "p": node("p", "t", members=("p.a", "p.b")),
        "q": node("q", "t", members=("q.a", "q.b")),
        "p.a": node("p.a", "t", parent="p", edges=[Edge("c", "q.a", "r")]),
        "p.b": node("p.b", "t", parent="p"),
        "q.a": node("q.a", "t", parent="q"),
        "q.b": node("q.b", "t", parent="q", edges=[Edge("c", "p.b", "r")]),
    }
    picture = graph.from_topology(Topology(nodes))
    check(picture, arrange(picture, width))


def test_svg_is_well_formed_and_inert(topology: Topology, evil) -> None:
    text = graph.render(graph.from_topology(topology), "svg")
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert 'app "<&>"' in texts and f"A stack {evil[1]} <b>&" in texts
    assert {element.tag for element in root.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "style", "rect", "text", "g", "path", "circle", "title")
    }
    assert not re.search(r"(href|script|onload|@import|url\()", text)
    assert "prefers-color-scheme: dark" in text


@pytest.mark.parametrize("format", graph.FORMATS)
@pytest.mark.parametrize("name", ["]]>", "--", "a\nb", "\"'`;{}[]|", "<script>", "\x00\ufffe", "\\", "end", "漢字"])
def test_any_name_in_any_format(format: str, name: str) -> None:
    nodes = {name: node(name, name, edges=[Edge(name, "other", name)]), "other": node("other", "t", members=(name,))}
    nodes["child"] = node("child", name, parent="other")
    text = graph.render(graph.from_topology(Topology(nodes, description=name)), format)
    assert "<script>" not in text or format == "dot"
    if format == "svg":
        ElementTree.fromstring(text)


def test_mermaid(topology: Topology) -> None:
    lines = graph.render(graph.from_topology(topology, {"db": "ready"}), "mermaid").splitlines()
    assert lines[0] == "flowchart TB"
    assert sum(line.strip().startswith("subgraph") for line in lines) == sum(line.strip() == "end" for line in lines) == 2
    assert any("app #34;#60;#38;#62;#34;" in line for line in lines)
    assert any(re.fullmatch(r'  n\d+ -->\|"connection"\| n\d+', line) for line in lines)


def test_dot_clips_arrows_at_clusters(topology: Topology) -> None:
    text = graph.render(graph.from_topology(topology), "dot")
    assert text.count("{") == text.count("}")
    assert re.search(r"n\d+ -> n\d+ \[tooltip=\"connection\", lhead=cluster_n2\];", text)
    assert r"app \"<&>\"" in text


def test_html_stands_alone(topology: Topology) -> None:
    text = graph.render(graph.from_topology(topology), "html")
    assert text.startswith("<!doctype html>") and "<svg" in text and "<script" not in text and "src=" not in text
    assert "app &quot;&lt;&amp;&gt;&quot;" in text


def test_an_empty_graph_and_an_unknown_format() -> None:
    for format in graph.FORMATS:
        assert graph.render(graph.from_topology(Topology()), format)
    with pytest.raises(UsageError):
        graph.render(Picture(), "pdf")
