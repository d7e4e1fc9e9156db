"""Any network: on random small modules every number is the slow program's, or a sentence says why there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

import convscope as cs
from convscope.network.layers.probabilities import Scores
from convscope.techniques.attribution.rise import mask
from convscope.techniques.attribution.smoothgrad import _noise

from .any_network import Case, arranged, inner_slope, slope, slowly, snapshot, value
from .hostile_blocks import BLOCKS

FOUND = (Phase.explicit, Phase.generate)  # a failure is small as it is, and making it smaller takes minutes
SIZES = [(4, 4), (4, 6), (8, 4), (6, 6), (8, 8)]


@st.composite
def cases(draw):
    """A random module; strides only where the picture stays even, for windows are of two by two."""
    size = draw(st.sampled_from(SIZES))
    blocks = draw(st.lists(st.sampled_from(sorted(BLOCKS)), min_size=1, max_size=4))
    even = all(side % 4 == 0 for side in size)
    kept = [name for i, name in enumerate(blocks) if name != "stride" or (even and "stride" not in blocks[:i])]
    ends, returns = st.sampled_from(["", "softmax", "sigmoid"]), st.sampled_from(["", "tuple", "dict"])
    channels = draw(st.sampled_from([2, 4]))
    return Case(tuple(kept), size, channels, draw(st.booleans()), draw(ends), draw(returns), draw(st.integers(0, 99)))


def units(draw, codes, deepest=None):
    """A random unit: one neuron or one channel of a layer with maps, or a class."""
    name = draw(st.sampled_from(sorted(codes) if deepest is None else deepest))
    if codes[name] is None:
        return (name, draw(st.integers(0, 2)), None), ""
    c, y, x = (int(part) for part in _place(codes[name], draw(st.integers(0, codes[name].numel() - 1))))
    return ((name, c, (y, x)), f"@{y},{x}") if draw(st.booleans()) else ((name, c, None), "")


def _place(codes, number):
    code = int(codes.flatten()[number])
    return code // 10000, code % 10000 // 100, code % 100


class Asked:
    """A case with its network, one image, a unit, and the module as it was."""

    def __init__(self, data, deepest=None):
        self.case = data.draw(cases())
        self.net, self.image = self.case.network(), self.case.image()
        self.codes = {name: code for name, code in self.case.wanted().items() if name in self.net.layers}
        self.before, self.x = snapshot(self.net.module), self.net.prepare(self.image)
        self.unit, where = units(data.draw, self.codes, deepest)
        self.address = f"{self.unit[0]}:{self.unit[1]}{where}"

    def slow(self, x):
        return value(self.case, x, self.unit, self.codes)

    def untouched(self):
        assert snapshot(self.net.module) == self.before


def same(found, wanted, tolerance=1e-5):
    """Equal to the roundings of the result's single precision."""
    wanted = np.asarray(wanted)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * max(np.abs(wanted).max(), 1e-6))


def random_modules(count):
    """A test of so many random modules; `derandomize` makes them the same each time."""

    def wrapped(test):
        return settings(max_examples=count, phases=FOUND)(given(st.data())(test))

    return wrapped


@settings(max_examples=15, phases=FOUND)
@given(cases())
@example(Case(("flips", "windows"), (4, 6), beside=True))
@example(Case(("attention", "class token"), (4, 4), end="softmax"))
def test_the_table_has_every_layer_that_has_places_and_shows_what_it_puts_out(case):
    codes, net, image = case.wanted(), case.network(), case.image()
    before, x = snapshot(net.module), net.prepare(image)
    lost = {*codes} - {*net.layers}  # after a token, or the mean of mirror images, what is folded later is refused
    unknown = {"class token", "flips"} & {*case.blocks}
    assert {*net.layers} - {"input"} <= {*codes} and (not lost or unknown), case
    for name, code in ((name, code) for name, code in codes.items() if name not in lost):
        same(cs.activations(net, image, name).values, arranged(slowly(case, x, name), code).numpy())
    for name in (case.codes().keys() - codes.keys() - {""}) | lost:
        with pytest.raises(cs.ConvscopeError, match=r"^[^\n]+\.$"):
            cs.activations(net, image, name)
    assert snapshot(net.module) == before


@random_modules(15)
def test_gradients(data):
    asked = Asked(data)
    height, grad = slope(asked.case, asked.x, asked.unit, asked.codes)
    found = cs.saliency(asked.net, asked.image, asked.address)
    same(found.values, grad.numpy())
    same(np.float64(found.value), height)
    same(cs.input_x_gradient(asked.net, asked.image, asked.address).values, (grad * asked.x[0]).numpy())
    asked.untouched()


@random_modules(9)
def test_integrated_gradients_share_out_the_rise(data):
    asked = Asked(data)
    found = cs.integrated_gradients(asked.net, asked.image, asked.address, steps=8, limit=8)
    places, weights = ((np.polynomial.legendre.leggauss(8)[i] + (1 - i)) / 2 for i in (0, 1))
    slopes = [
        slope(asked.case, asked.x * at, asked.unit, asked.codes)[1] * w for at, w in zip(places, weights, strict=True)
    ]
    wanted = (asked.x[0] * sum(slopes)).numpy()
    same(found.values, wanted)
    with torch.no_grad():
        rise = (asked.slow(asked.x) - asked.slow(torch.zeros_like(asked.x))).item()
    gap = found.evidence["completeness_gap"]
    assert gap == pytest.approx(abs(wanted.sum() - rise), rel=1e-6, abs=1e-9)
    told = {"not_converged", "no_difference", "vanished"} & {*found.evidence}
    assert told or gap <= 0.01 * abs(rise)
    asked.untouched()


@random_modules(15)
def test_gradcam_of_any_layer_with_maps(data):
    asked = Asked(data)
    maps = [name for name, row in asked.net.layers.items() if row.has_maps]
    layer = data.draw(st.sampled_from(maps))
    wanted = inner_slope(asked.case, asked.x, asked.unit, asked.codes, layer)
    if wanted is None:
        with pytest.raises(cs.ConvscopeError, match=r"does not [a-z]+ on|must be auto or a layer"):
            cs.gradcam(asked.net, asked.image, asked.address, layer=layer)
        return
    activation, grad = wanted
    grid = (grad.mean((1, 2), keepdim=True) * activation).sum(0)
    found = cs.gradcam(asked.net, asked.image, asked.address, layer=layer)
    same(found.grid, grid.numpy())
    large = F.interpolate(grid.relu()[None, None], asked.case.size, mode="bilinear", align_corners=False)[0, 0]
    same(found.values, large.numpy())
    asked.untouched()


@random_modules(8)
def test_smoothgrad_whatever_the_batch(data):
    asked = Asked(data)
    std = 0.15 * (asked.x.max() - asked.x.min())
    noise = _noise(asked.x, 3, range(5))
    wanted = sum(slope(asked.case, asked.x + std * one, asked.unit, asked.codes)[1] for one in noise) / 5
    for batch_size in (1, "auto"):
        found = cs.smoothgrad(asked.net, asked.image, asked.address, samples=5, seed=3, batch_size=batch_size)
        same(found.values, wanted.numpy())
    asked.untouched()


@random_modules(4)
def test_occlusion_hides_one_window_after_the_other(data):
    asked = Asked(data)
    side, stride = data.draw(st.sampled_from([(2, 2), (3, 1), (1, 2)]))
    found = cs.occlusion(asked.net, asked.image, asked.address, size=side, stride=stride)
    drops, counts = np.zeros(asked.case.size), np.zeros(asked.case.size)
    starts = [[*range(0, n - side + 1, stride)] for n in asked.case.size]
    for n, own in zip(asked.case.size, starts, strict=True):
        if own[-1] + side < n:
            own.append(own[-1] + stride if own[-1] + stride < n else n - side)
    with torch.no_grad():
        whole = asked.slow(asked.x)
        for y in starts[0]:
            for x in starts[1]:
                hidden = asked.x.clone()
                hidden[..., y : y + side, x : x + side] = 0
                drops[y : y + side, x : x + side] += (whole - asked.slow(hidden)).item()
                counts[y : y + side, x : x + side] += 1
    wanted = np.divide(drops, counts, out=np.full_like(drops, np.nan), where=counts > 0)
    np.testing.assert_allclose(
        found.values, wanted, rtol=0, atol=1e-5 * max(abs(whole.item()), np.nanmax(np.abs(wanted)))
    )
    asked.untouched()


@random_modules(4)
def test_rise_is_the_mean_and_the_covariance_under_its_masks(data):
    asked = Asked(data)
    found = cs.rise(asked.net, asked.image, asked.address, samples=9, cells=3, seed=2)
    masks = np.stack([mask(2, i, 3, 0.5, asked.case.size) for i in range(9)]).astype(np.float64)
    with torch.no_grad():
        heights = np.array([asked.slow(asked.x * torch.from_numpy(one)).item() for one in masks])
    covariance = ((heights - heights.mean())[:, None, None] * (masks - masks.mean(0))).sum(0) / 8
    wanted = heights.mean() + covariance / 0.5
    np.testing.assert_allclose(found.values, wanted, rtol=0, atol=1e-5 * np.abs(heights).max())
    asked.untouched()


@random_modules(6)
def test_a_scan_of_several_images_has_the_statistics_of_each_alone(data):
    asked = Asked(data)
    images = [asked.case.image(i) for i in range(3)]
    size = 1 if "counting" in asked.case.blocks else 2  # it mixes less than a scan takes for roundings
    scan = cs.scan(asked.net, images, batch_size=size, workers=0, positions=0)
    with torch.no_grad():
        for name, code in asked.codes.items():
            maps = torch.stack([arranged(slowly(asked.case, asked.net.prepare(i), name), code) for i in images])
            flat = maps.flatten(2) if maps.ndim == 4 else maps[..., None]
            rows = [scan.statistics(f"{name}:{c}") for c in range(flat.shape[1])]
            for key, wanted in {"mean": flat.mean((0, 2)), "max": flat.amax((0, 2)), "min": flat.amin((0, 2))}.items():
                largest = flat.abs().max().item()
                np.testing.assert_allclose([row[key] for row in rows], wanted.numpy(), rtol=0, atol=1e-5 * largest)
    asked.untouched()


@random_modules(12)
def test_predictions_are_of_the_scores_as_they_are_meant(data):
    asked = Asked(data, ["logits"])
    images = [asked.case.image(i) for i in range(3)]
    assert asked.net.scores is {"": Scores.SOFTMAX, "softmax": Scores.OWN, "sigmoid": Scores.EACH}[asked.case.end]
    for image, found in zip(images, asked.net.predict(images, 3), strict=True):
        with torch.no_grad():
            scores = slowly(asked.case, asked.net.prepare(image), "logits")[0]
        chances = scores if asked.case.end else scores.softmax(0)
        same(np.array([p for _, _, p in found]), chances.sort(descending=True).values.numpy())
        same(np.array([p for _, _, p in found]), chances[[i for _, i, _ in found]].numpy())
    asked.untouched()
