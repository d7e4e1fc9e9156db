"""What the images of a scan are taken for, against every score at hand; and which classes are the network's."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, BadScan, ForwardFailed, UnknownUnit
from convscope.scan import job

LABELS = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu"]
KNOBS = {"top": 3, "sample": 4, "positions": 4, "batch_size": 2}


def network(labels=LABELS, factor: float = 1.0) -> cs.Network:
    """A convolution, its mean over the map, and seven classes, of which the last two are always equal."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(3)
        module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 7))
        module[4].weight *= 30 * factor
        module[4].weight[6], module[4].bias[6] = module[4].weight[5], module[4].bias[5]
    return cs.Network(module.eval(), size=16, labels=labels, name="seven")


@pytest.fixture(scope="module")
def images(photos):
    """Twenty-three pictures in three of the classes, one of which is no picture."""
    return [(b"no picture" if i == 5 else photo[:60:2, :60:2], LABELS[i % 3]) for i, photo in enumerate(photos[:23])]


def scores_of(net, images):
    with torch.no_grad():
        return {
            i: net.read(net.prepare(picture), "logits")["logits"][0].numpy()
            for i, (picture, _) in enumerate(images)
            if i != 5
        }


def test_the_five_most_probable_classes_of_every_image(images):
    net = network()
    found, wanted = cs.scan(net, images, **KNOBS), scores_of(net, images)
    rows = found.table("predictions").to_pylist()
    assert len(rows) == 22 * 5 and [row["image"] for row in rows[::5]] == sorted(wanted)
    for row in rows:
        scores = wanted[row["image"]]
        order = sorted(range(7), key=lambda c: (-scores[c], c))
        assert row["predicted_index"] == order[row["rank"]] and row["predicted"] == LABELS[row["predicted_index"]]
        assert row["score"] == pytest.approx(scores[row["predicted_index"]], rel=1e-4)
        chances = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
        assert row["probability"] == pytest.approx(chances[row["predicted_index"]], rel=1e-3)
        assert row["class"] == LABELS[row["image"] % 3]
        assert row["correct"] == (row["predicted"] == row["class"])
    for row in found.table("images").to_pylist():
        if row["refused"]:
            assert row["predicted"] is row["probability"] is row["top5"] is row["correct"] is row["in_top5"] is None
            continue
        own = [found for found in rows if found["image"] == row["image"]]
        assert (row["predicted"], row["probability"]) == (own[0]["predicted"], own[0]["probability"])
        assert row["top5"] == [one["predicted"] for one in own]
        assert row["correct"] == own[0]["correct"] and row["in_top5"] == any(one["correct"] for one in own)


def test_the_confusion_counts_what_images_of_a_class_are_taken_for(images):
    net = network()
    scan = cs.scan(net, images, **KNOBS)
    found, scores = scan.confusion(), scores_of(net, images)
    pairs = Counter((i % 3, int(s.argmax())) for i, s in scores.items())
    assert len(pairs) > 3, "some are right and some are wrong"
    for (true, predicted), count in pairs.items():
        assert found.counts[found.indices.index(true), found.indices.index(predicted)] == count
        ids = found.images_of(LABELS[true], predicted)
        assert ids == tuple(str(i) for i, s in scores.items() if (i % 3, int(s.argmax())) == (true, predicted))
    assert found.counts.sum() == found.images == 22 and found.unmatched == ()
    assert found.top1 == sum(i % 3 == s.argmax() for i, s in scores.items()) / 22
    assert found.top5 == sum(i % 3 in np.argsort(-s, kind="stable")[:5] for i, s in scores.items()) / 22
    mistakes = found.most()
    assert [n for *_, n in mistakes] == sorted((n for (t, p), n in pairs.items() if t != p), reverse=True)
    told = scan.query("select class, predicted, images from confusion where not correct").to_pylist()
    assert [(row["class"], row["predicted"], row["images"]) for row in told] == mistakes
    assert found.images_of(0, 999) == ()
    with pytest.raises(UnknownUnit, match="No class is called 'wolf'"):
        found.images_of("wolf", "ant")


def test_predictions_are_read_again_from_their_folder(images, tmp_path):
    made = cs.scan(network(), images, tmp_path / "scan", **KNOBS)
    again = cs.open_scan(tmp_path / "scan")
    assert again.digest == made.digest and {"predictions", "confusion"} < set(again.names)
    np.testing.assert_array_equal(again.confusion().counts, made.confusion().counts)


@pytest.mark.parametrize(
    ("names", "matched"),
    [
        (["ant", "Bee", "cat"], [0, 1, 2]),
        (["0_x", "02_y", "6"], [0, 2, -1]),
        (["0", "1", "2"], [-1, -1, -1]),
        (["0", "1", "2", "3", "4", "5", "6"], [0, 1, 2, 3, 4, 5, 6]),
        (["1", "2", "3", "4", "5", "6", "7"], [-1] * 7),
        (["ant", "wolf"], [0, -1]),
    ],
)
def test_classes_of_images_are_the_networks_by_name_or_number_or_not_at_all(images, names, matched):
    pictures = [(images[i % 4][0], name) for i, name in enumerate(names)]
    scan = cs.scan(network(), pictures, **KNOBS)
    known = dict(zip(names, matched, strict=True))
    assert scan.ledger.truths == tuple(known[name] for name in scan.ledger.classes)
    assert len(scan.table("predictions")) == 5 * len(names)
    if max(matched) < 0:
        with pytest.raises(BadKnob, match=r"no table 'confusion'.* Classes must be those of seven, such as 'ant', not"):
            scan.confusion()
        assert {row["correct"] for row in scan.table("images").to_pylist()} == {None}
    else:
        found = scan.confusion()
        assert found.images == sum(number >= 0 for number in matched)
        assert found.unmatched == tuple(name for name, number in zip(names, matched, strict=True) if number < 0)


def test_labels_of_the_network_number_both(images):
    scan = cs.scan(network(), [(picture, f"{i % 3}_x") for i, (picture, _) in enumerate(images)], labels="network")
    np.testing.assert_array_equal(scan.confusion().counts, cs.scan(network(), images).confusion().counts)
    assert scan.table("predictions")["class"][0].as_py() == "ant"


def test_without_labels_there_are_predictions_only(images):
    scan = cs.scan(network(), images, labels="none", **KNOBS)
    assert len(scan.table("predictions")) == 22 * 5
    with pytest.raises(BadKnob, match="It needs images in class folders or with labels"):
        scan.confusion()


def test_early_layers_are_scanned_without_predictions_unless_they_are_wished_for(images):
    few, more = (cs.scan(network(), images, layers="0", predictions=wish, **KNOBS) for wish in ("auto", "yes"))
    with pytest.raises(BadKnob, match="needs one score a class from seven, and predictions=yes"):
        few.confusion()
    with pytest.raises(BadKnob, match=r"no table 'predictions'.* predictions=yes"):
        few.query("select * from predictions")
    assert "predicted" not in few.table("images").column_names
    whole = cs.scan(network(), images, **KNOBS)
    for name in ("predictions", "confusion", "images"):
        assert more.table(name).equals(whole.table(name))
    assert more.table("units").equals(few.table("units"))
    with pytest.raises(BadKnob, match="needs one score a class from seven, and predictions=yes"):
        cs.scan(network(), images, predictions="no", **KNOBS).table("predictions")


def test_the_joined_graph_predicts_the_same(images):
    scans = [cs.scan(network(), images, layers="0", predictions="yes", compile=c, **KNOBS) for c in (False, True)]
    assert scans[1].ledger.knobs["compile"]
    one, other = (scan.table("predictions").to_pylist() for scan in scans)
    assert [row["predicted"] for row in one] == [row["predicted"] for row in other]
    assert [row["score"] for row in one] == pytest.approx([row["score"] for row in other], rel=1e-4)


def test_a_network_of_maps_predicts_nothing(images):
    net = cs.Network(nn.Sequential(nn.Conv2d(3, 2, 3)), size=16, name="maps")
    assert "predictions" not in cs.scan(net, images, **KNOBS).names
    with pytest.raises(BadKnob, match="predictions must be auto or no for maps, which puts out maps"):
        cs.scan(net, images, predictions="yes", **KNOBS)


def test_scores_that_are_not_finite_are_refused_and_the_image_named(images):
    with pytest.raises(ForwardFailed, match=r"not finite for the image \d+\..*predictions=no"):
        cs.scan(network(factor=float("inf")), images, layers="0", predictions="yes", **KNOBS)


def test_parts_of_networks_with_other_labels_do_not_mix(images, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "SHARD", 4)
    for part, labels in enumerate((LABELS, [*LABELS[:6], "hen"])):
        cs.scan(network(labels), images, tmp_path / "parts", shard=f"{part}/2", **KNOBS)
    with pytest.raises(BadScan, match="of different scans: the classes of the network"):
        cs.merge_scans([tmp_path / "parts"])
