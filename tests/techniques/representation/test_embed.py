"""Maps of layers: against other libraries, with planted units behind a part, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, BadScan, BadSource, MissingExtra, UnknownLayer
from convscope.techniques.representation.embed import embed

QUICK = {"iterations": 60}


@pytest.fixture(scope="module")
def pictures() -> list[tuple[np.ndarray, str]]:
    """Sixty noisy pictures, of which each class is of one color."""
    rng = np.random.default_rng(0)
    colors = {"red": (200, 40, 40), "green": (40, 190, 60), "blue": (50, 60, 210)}
    names = [list(colors)[i % 3] for i in range(60)]
    return [
        (np.clip(np.array(colors[name]) + rng.normal(0, 25, (16, 16, 3)), 0, 255).astype(np.uint8), name)
        for name in names
    ]


@pytest.fixture(scope="module")
def net() -> cs.Network:
    """Convolutions whose first three channels are the colors."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        with torch.no_grad():
            module[0].weight[:3, :, 0, 0] = torch.eye(3) - 0.3
            module[0].bias[:3] = 0
    flat = nn.Sequential(module, nn.Flatten(), nn.Linear(6, 3))
    return cs.Network(flat.eval(), size=16, name="colors")


@pytest.fixture(scope="module")
def found(net, pictures):
    return embed(net, pictures, "0.0", **QUICK)


def test_a_map_tells_the_classes_apart_and_says_how_well(found, net, pictures):
    assert found.points.shape == (60, 2) and found.points.dtype == np.float32
    assert found.labels == tuple(name for _, name in pictures) and len(found.ids) == 60
    codes = cs.codes(net, pictures, "0.0").values
    assert found.quality["trustworthiness"] == pytest.approx(trustworthiness(codes, found.points, n_neighbors=10))
    assert found.quality["hit"] == 1.0 and found.quality["recall"] > 2 * found.evidence["chance_recall"]
    assert found.evidence["perplexity"] and found.evidence["iterations"] == 310 and found.evidence["seed"] == 0


def test_the_same_bits_again_and_with_codes_made_before(found, net, pictures, tmp_path):
    made = cs.codes(net, pictures, "0.0,0.2", tmp_path)
    for source in (pictures, made, cs.open_codes(tmp_path).with_source(pictures)):
        assert np.array_equal(embed(net, source, "0.0", **QUICK).points, found.points)


def test_principal_components_alone_are_those_of_scikit_learn(net, pictures):
    found = embed(net, pictures, "0.2", method="pca", dims=3)
    wanted = PCA(3).fit_transform(cs.codes(net, pictures, "0.2").values.astype(np.float64))
    for own, other in zip((found.points - found.points.mean(0)).T, wanted.T, strict=True):
        assert min(np.abs(own - other).max(), np.abs(own + other).max()) < 1e-4 * np.abs(other).max()


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_images_of_the_map_are_placed_where_they_are(net, pictures, method):
    found = embed(net, pictures, "0.0", method=method, **QUICK)
    size = np.ptp(found.points, axis=0).max()
    placed = found.place([picture for picture, _ in pictures[:6]])
    assert placed.shape == (6, 2) and np.abs(placed - found.points[:6]).max() < 0.15 * size
    alone = found.place([pictures[3][0]])
    assert np.array_equal(alone, placed[3:4])
    assert np.array_equal(embed(net, pictures, "0.0", method=method, **QUICK).points, found.points)  # it has not moved


def test_units_behind_a_class_are_the_planted_ones(found):
    table = found.units("green", "0.0").to_pylist()
    assert (table[0]["layer"], table[0]["channel"], table[0]["sign"]) == ("0.0", 1, 1)
    assert table[0]["auroc"] == 1.0 and table[0]["corrected"] < 0.01
    by_condition = found.units("class = 'green'", "0.0").to_pylist()
    assert by_condition == table and found.units(np.array(found.labels) == "green", "0.0").to_pylist() == table


@pytest.mark.parametrize(
    ("selection", "count"),
    [("red", 20), ("x > -1e9 and class <> 'red'", 40), ([0, 5, 5], 2), (["1", "2", "3"], 3), ("7", 1)],
)
def test_a_selection_is_a_class_ids_numbers_or_a_condition(found, selection, count):
    mask = found.selected(selection)
    assert mask.sum() == count and mask.dtype == bool and mask.shape == (60,)


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        ("x > 1e9", "at least one of the 60 images, not none"),
        ("nonsense", "nonsense"),
        ([60], "numbers from 0 to 59"),
        (["nobody"], "ids of images that are there, not 'nobody'"),
        (np.ones(59, bool), "a mask of 60"),
        ([0.5], "not float64"),
    ],
)
def test_what_is_no_selection_is_refused(found, selection, words):
    with pytest.raises(BadKnob, match=words):
        found.selected(selection)


def test_too_few_or_all_have_no_units(found):
    with pytest.raises(BadKnob, match="at least 5 selected"):
        found.units([1, 2, 3], "0.0")
    with pytest.raises(BadKnob, match="not all of them"):
        found.units(np.ones(60, bool), "0.0")


def test_every_image_has_a_cell_of_its_own(found):
    cells = found.grid(10)
    assert sorted(map(tuple, cells.tolist())) == [(y, x) for y in range(6) for x in range(10)]
    assert np.array_equal(cs.arrange(found.points, 10), cells)


def test_an_image_that_cannot_be_read_leaves_the_others_their_ids(net, pictures, tmp_path):
    import PIL.Image

    for i, (picture, _) in enumerate(pictures[:12]):
        PIL.Image.fromarray(picture).save(tmp_path / f"{i:02}.png")
    (tmp_path / "05.png").write_bytes(b"none")
    found = embed(net, tmp_path, "0.0", **QUICK)
    assert found.ids == tuple(f"{i:02}.png" for i in range(12) if i != 5) and found.evidence["refused"] == 1
    assert found.labels == (None,) * 11 and found.quality["hit"] is None
    others = embed(net, [picture for i, (picture, _) in enumerate(pictures[:12]) if i != 5], "0.0", **QUICK)
    assert np.array_equal(others.points, found.points)


def test_classes_of_some_images_only(net, pictures):
    some = [(picture, name if i % 2 else None) for i, (picture, name) in enumerate(pictures)]
    found = embed(net, some, "0.0", **QUICK)
    assert found.labels.count(None) == 30 and found.quality["hit"] == pytest.approx(0.9)  # 9 of 10: a class has 10


def test_hundreds_of_copies_do_no_harm(net, pictures):
    found = embed(net, pictures[:20] + [pictures[0]] * 100, "0.0", **QUICK)
    assert np.isfinite(found.points).all() and found.points.shape == (120, 2)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"layer": "nonsense"}, UnknownLayer, "nonsense"),
        ({"perplexity": "many"}, BadKnob, "perplexity must be auto, or numbers"),
        ({"perplexity": "59"}, BadKnob, "perplexity"),
        ({"pool": "99,0"}, BadKnob, "place in the maps"),
        ({"source": []}, BadSource, "at least one"),
        ({"source": "nowhere"}, BadSource, "nowhere"),
        ({"source": 3}, BadSource, "must be a folder"),
        ({"method": "umap"}, MissingExtra, r"convscope\[umap\]"),
    ],
)
def test_what_cannot_be_is_refused(net, pictures, given, error, words):
    if "method" in given:
        pytest.importorskip("openTSNE")
        if __import__("importlib").util.find_spec("umap"):
            pytest.skip("umap-learn is installed")
    asked = {"source": pictures, "layer": "0.0", **given}
    with pytest.raises(error, match=words):
        embed(net, asked.pop("source"), asked.pop("layer"), **asked)


def test_too_few_and_equal_codes_are_refused(net, pictures):
    with pytest.raises(BadKnob, match="at least 4"):
        embed(net, pictures[:3], "0.0")
    with pytest.raises(BadKnob, match="all 9 are equal"):
        embed(net, [pictures[0]] * 9, "0.0")


def test_codes_of_others_are_refused(net, pictures, tiny):
    made = cs.codes(net, pictures, "0.0")
    with pytest.raises(BadScan, match="codes must be of tiny as it is, not of colors"):
        embed(tiny, made, "0")
    with pytest.raises(BadKnob, match="pool must be that of the codes, mean, not max"):
        embed(net, made, "0.0", pool="max")
    with pytest.raises(UnknownLayer, match="no codes of the layer"):
        embed(net, made, "0.2")


def test_a_map_alone_says_what_it_lacks(found):
    alone = dataclasses.replace(found, behind=None)
    for ask in (lambda: alone.place([]), lambda: alone.units("red"), lambda: alone.image("1")):
        with pytest.raises(BadKnob, match="must be at hand, and are not"):
            ask()
    with pytest.raises(BadKnob, match="Map to 2 dimensions"):
        dataclasses.replace(found, values=np.zeros((60, 3), np.float32)).grid()


def test_what_is_missing_of_images_and_of_the_map_is_said_together(net, pictures):
    from convscope.base.progress import Cancelled, listening

    def stop(step, total, _preview):
        if (total, step) in ((3, 1), (310, 20)):
            raise Cancelled

    with listening(stop):
        found = embed(net, pictures * 3, "0.0", **QUICK)
    assert found.evidence["partial"] == "2 of 3 shards are missing; cancelled after 20 of 310 steps"


def test_a_map_by_the_cosine_places_images_too(net, pictures):
    found = embed(net, pictures, "0.0", metric="cosine", **QUICK)
    brighter = np.clip(pictures[3][0] * 1.2, 0, 255).astype(np.uint8)
    placed = found.place([brighter])
    assert found.evidence["metric"] == "cosine" and placed.shape == (1, 2) and np.isfinite(placed).all()
