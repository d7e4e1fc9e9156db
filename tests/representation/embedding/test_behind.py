"""How far codes are apart: one pair at a time says the same, in the metric of the map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cosine, euclidean

import convscope as cs
from convscope.representation.embedding import behind


@pytest.mark.parametrize(("metric", "distance"), [("l2", euclidean), ("cosine", cosine)])
def test_distances_are_those_of_codes_whatever_the_block(tiny, monkeypatch, metric, distance):
    found = cs.embed(tiny, "samples", "2", metric=metric, iterations=1)
    assert found.evidence["metric"] == metric
    codes = cs.codes(tiny, "samples", "2").values.astype(np.float64)
    pairs = np.array([[0, 1], [7, 2], [3, 3], [5, 0], [1, 0]])
    wanted = [distance(codes[first], codes[second]) for first, second in pairs]
    assert found.distances(pairs) == pytest.approx(wanted, rel=1e-5, abs=1e-9)
    monkeypatch.setattr(behind, "row_blocks", lambda count, width: [slice(i, i + 2) for i in range(0, count, 2)])
    assert found.distances(pairs) == pytest.approx(wanted, rel=1e-5, abs=1e-9)
    assert found.distances(pairs[:0]).shape == (0,)


def test_codes_that_cannot_be_held_have_none(tiny, monkeypatch):
    found = cs.embed(tiny, "samples", "2", iterations=1)
    monkeypatch.setattr(behind, "_MOST", 100)
    with pytest.raises(cs.ConvscopeError, match="few enough to be held, not those of 8 images"):
        found.distances(np.array([[0, 1]]))
    with pytest.raises(cs.ConvscopeError, match="must be at hand"):
        replace(found, behind=None).distances(np.array([[0, 1]]))
