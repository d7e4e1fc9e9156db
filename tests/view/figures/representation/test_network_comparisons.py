"""Two networks as pictures: which panels there are, what they say, and whose images stand where."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

import convscope as cs
from convscope.view.figures.registry import draw
from convscope.view.figures.representation.network_comparisons import _GAP, _SIDE
from convscope.view.render.layout import DENSITY

PITCH, SIDE = (_SIDE + _GAP) * DENSITY, _SIDE * DENSITY


class Behind:
    """Units whose images have one color each: red says which network, green which channel, blue which image."""

    asked = ()

    def units(self, layer, other, least):
        rows = [
            ("a", layer, 0, "matched", 2, 0.4, 0.4),
            ("a", layer, 1, "lost", None, None, 0.3),
            ("a", layer, 2, "dead", None, None, 0.0),
            ("a", layer, 3, "lost", None, None, -0.1),
            ("b", other, 0, "new", None, None, 0.2),
            ("b", other, 2, "matched", 0, 0.4, 0.4),
        ]
        names = ("network", "layer", "channel", "state", "partner", "correlation", "best")
        return pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))

    def examples(self, network, layer, channel, count):
        self.asked += ((network, layer, channel),)
        color = [200 if network == "a" else 100, 10 * channel, 0]
        return [np.full((30, 40, 3), [*color[:2], 50 * image], np.uint8) for image in range(count)]


def comparison(pairs=3, **changes):
    names = tuple(f"l{i}" for i in range(pairs))
    some = np.linspace(0.2, 0.9, pairs)
    whole = cs.NetworkComparison(
        values=np.eye(pairs, dtype=np.float32), unit=cs.Unit(names[-1]), network="one", other="two", layers=names,
        evidence={"images": 9, "chance_deviation": 0.19}, other_layers=names, cka=np.eye(pairs),
        pairs=np.repeat(np.arange(pairs)[:, None], 2, 1), procrustes=some, procrustes_chance=some / 2, cca=some,
        cca_chance=some / 3, behind=Behind(),
    )  # fmt: skip
    return dataclasses.replace(whole, **changes)


def test_layers_by_layers_and_pairs_beside_their_chance():
    view = draw(comparison())
    assert [panel.array for panel in view.panels] == ["cka", "pairs"]
    assert "with two over 9 images" in view.title and "of unrelated layers it is 0 ± 0.19" in view.note
    assert len(view.arrays["pairs"]) == 2 and not np.array_equal(*view.arrays["pairs"])
    charts = view.arrays["pairs"].astype(int)
    red, blue = ((np.abs(charts - color).sum(-1) < 30).sum() for color in ((204, 51, 17), (0, 119, 187)))
    assert red > 100 and blue > 100


def test_a_measure_that_has_no_number_is_left_out():
    nothing = np.full(3, np.nan)
    view = draw(comparison(cca=nothing, cca_chance=nothing))
    assert np.array_equal(view.arrays["pairs"], draw(comparison()).arrays["pairs"][:1])
    view = draw(comparison(cca=nothing, procrustes=nothing, cka=np.full((3, 3), np.nan)))
    assert [panel.array for panel in view.panels] == ["cka"] and comparison(cka=np.full((3, 3), np.nan)).picture()


def test_two_networks_of_one_name_are_told_apart():
    for style in ("alignment", "units"):
        words = " ".join(panel.title for panel in draw(comparison(other="one"), style=style).panels)
        assert "of one, a" in words and "of one, b" in words
        assert "one, a" not in " ".join(panel.title for panel in draw(comparison(), style=style).panels)


def test_one_pair_is_a_line_yet():
    one, other = (draw(comparison(1, procrustes=np.array([value]))).arrays["pairs"] for value in (0.2, 0.9))
    assert not np.array_equal(one, other)


def test_units_that_changed_stand_with_their_images_those_most_unlike_first():
    result = comparison()
    view = draw(result, style="units", layer="l1")
    assert [panel.array for panel in view.panels] == ["lost", "new", "matched"]
    assert view.title.endswith("over 9 images: l1") and "1 matched, 2 lost, 1 new, 1 dead" in view.note
    labels = {panel.array: panel.labels for panel in view.panels}
    assert labels["lost"] == ("3, at best r −.10", "1, at best r .30")
    assert labels["new"] == ("0, at best r .20",) and labels["matched"] == ("0 · 2, r .40",)
    assert result.behind.asked[0] == ("a", "l1", 3)
    assert colors(view.arrays["lost"][0]) == [(200, 30, 50 * image) for image in range(4)]
    assert colors(view.arrays["new"][0]) == [(100, 0, 50 * image) for image in range(4)]
    partners = [(200, 0, 50 * image) for image in range(4)] + [(100, 20, 50 * image) for image in range(4)]
    assert colors(view.arrays["matched"][0]) == partners


def colors(strip):
    """Those of the images in a strip, from left to right."""
    middle = strip[SIDE // 2].astype(int)
    edges = np.flatnonzero(np.diff(middle[:, 3]))
    return [tuple(middle[(a + b) // 2, :3]) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def test_as_many_units_as_asked_for_of_the_last_layer_unless_another_is_named():
    result = comparison()
    view = draw(result, style="units", top=1)
    assert view.title.endswith(": l2") and view.panels[0].labels == ("3, at best r −.10",)
    with pytest.raises(cs.ConvscopeError, match="layer must be one that was compared, l0, l1, l2, not 'l9'"):
        draw(result, style="units", layer="l9")
    with pytest.raises(cs.ConvscopeError, match="must be at hand"):
        draw(comparison(behind=None), style="units")
    assert result.picture(style="units").size[0] > 100
