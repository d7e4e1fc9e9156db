"""Peaks of all units: the largest values of maps, from codes where they hold them, and no more than can be held."""

from __future__ import annotations

import numpy as np
import pytest

import convscope as cs
from convscope.data.open import open_source
from convscope.representation.separation import peaks
from convscope.representation.separation.peaks import peak_codes


def test_they_are_the_largest_values_and_codes_that_hold_them_are_not_made_again(tiny, monkeypatch):
    source = open_source("samples")
    found = peak_codes(tiny, source, "0,2")
    for name in found.layers:
        maps = [cs.activations(tiny, source.open(id), name).values for id in found.ids]
        np.testing.assert_allclose(found.of(name), [one.max((1, 2)) for one in maps], rtol=1e-5, atol=1e-6)
    means = cs.codes(tiny, source, "0,2", labels="none")
    assert np.array_equal(peak_codes(tiny, means, "2").of("2"), found.of("2"))
    monkeypatch.setattr(peaks, "codes_of", None)
    assert peak_codes(tiny, found, "2").layers == ("2",)


def test_more_than_can_be_held_and_codes_of_another_network_are_refused(tiny, monkeypatch):
    found = peak_codes(tiny, open_source("samples"), "2")
    with pytest.raises(cs.ConvscopeError, match="with other weights"):
        peak_codes(cs.load("lite0"), found, "conv_stem")
    monkeypatch.setattr(peaks, "_MOST", 100)
    for source in (open_source("samples"), found):
        with pytest.raises(cs.ConvscopeError, match="few enough for codes of 8 images to be held"):
            peak_codes(tiny, source, "2")
