"""Circuits laid out: no two words ever meet, nor a word and a picture, and both drawings show the same."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from convscope.view.charts.circuit_chart import circuit
from convscope.view.charts.circuit_layout import SPAN, DrawnEdge, DrawnUnit, circuit_layout
from convscope.view.charts.circuit_svg import circuit_svg
from convscope.view.figures.connections import signed

PICTURE = np.zeros((5, 5, 3), np.uint8)


def crowded(seed, columns, most, into, crops):
    """As many units and edges as there may be, with edges across several columns."""
    rng = np.random.default_rng(seed)
    of = [column for column in range(columns) for _ in range(1 if column == columns - 1 else rng.integers(1, most + 1))]
    values = [10 ** rng.uniform(-4, 8) * rng.choice([-1, 1]) for _ in range(len(of) * (into + 1))]
    shown = (PICTURE, PICTURE if seed % 2 else None) if crops else (PICTURE,)
    units = [
        DrawnUnit(column, f"layer<{column}>:{i}", (str(int(rng.integers(2048))), signed(values.pop())), "a\nb", shown)
        for i, column in enumerate(of)
    ]
    edges = []
    for target, column in enumerate(of):
        before = [i for i, other in enumerate(of) if other < column]
        for source in rng.permutation(before)[:into].tolist():
            value = values.pop()
            edges.append(DrawnEdge(source, target, value, signed(value), f"{source} → {target}"))
    heads = [f"a.long.name.of.a.layer.{i}\nin {signed(-values[0])}\nout {signed(values[0])}" for i in range(columns)]
    return circuit_layout(heads, units, edges)


CASES = [(0, 6, 8, 3, False), (1, 6, 8, 3, True), (2, 12, 8, 3, True), (3, 4, 3, 12, False), (4, 2, 32, 1000, True)]


@pytest.mark.parametrize("case", CASES)
def test_no_two_words_meet_nor_a_word_and_a_picture(case):
    layout = crowded(*case)
    boxes = [words.box for words in layout.words]
    pictures = [box for unit in layout.units for box in unit.boxes]
    assert not [pair for pair in itertools.combinations(boxes, 2) if pair[0].meets(pair[1])]
    assert not [(a, b) for a, b in itertools.product(boxes, pictures) if a.meets(b)]
    assert not [pair for pair in itertools.combinations(pictures, 2) if pair[0].meets(pair[1])]
    whole = [*boxes, *pictures]
    assert min(box.left for box in whole) >= 0 and max(box.right for box in whole) <= SPAN
    assert min(box.top for box in whole) >= 0 and max(box.bottom for box in whole) <= layout.height


def test_an_edge_ends_at_its_number_and_of_many_the_strongest_have_one():
    layout = crowded(*CASES[4])
    last = [edge for edge in layout.edges if edge.edge.target == len(layout.units) - 1]
    numbered = [edge for edge in last if edge.number is not None]
    assert len(numbered) == 8 < len(last) and numbered == last[-8:]  # from the weakest to the strongest
    for edge in layout.edges:
        assert edge.start[0] < edge.end[0] and edge.start[0] == layout.units[edge.edge.source].boxes[-1].right
        assert (
            edge.number is None or edge.end[0] <= edge.number.box.left <= layout.units[edge.edge.target].boxes[0].left
        )


def test_the_drawing_holds_words_as_words_and_tells_what_made_an_edge():
    layout = crowded(*CASES[1])
    root = ElementTree.fromstring(circuit_svg(layout).replace("<svg", '<svg xmlns:x="x"', 1))
    texts = [text.text for text in root.iter("text")]
    assert sorted(texts) == sorted(words.text for words in layout.words)
    groups = root.findall("g[@class]")
    assert [group.get("data-unit") for group in groups if group.get("class") == "unit"] == [
        unit.unit.address for unit in layout.units
    ]
    edges = [group for group in groups if group.get("class", "").startswith("edge")]
    told = [(group.get("data-source"), group.get("data-target"), group.findtext("title")) for group in edges]
    assert told == [(str(e.edge.source), str(e.edge.target), e.edge.about) for e in layout.edges]


def test_the_picture_has_the_edges_colors():
    drawn = circuit(crowded(*CASES[0])).reshape(-1, 3)
    for color in ((0, 119, 187), (204, 51, 17)):
        assert (drawn == color).all(1).any()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (7114.2, "+7114"),
        (-21087, "−21.1k"),
        (0.00234, "+0.0023"),
        (3.2e8, "+320M"),
        (-999_999, "−1M"),
        (0, "+0"),
        (-0.5, "−0.5"),
    ],
)
def test_numbers_are_short(value, words):
    assert signed(value) == words
