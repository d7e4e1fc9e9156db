"""Statistics and histograms of a layer and a unit are those of the scan."""

import numpy as np
import pytest

import convscope as cs
from convscope.base.errors import BadKnob, BadScan, UnknownLayer, UnknownUnit
from convscope.explorer.answers.scan_statistics import confusion, contiguous, histogram, statistics
from convscope.explorer.workspace.frame import decode
from convscope.explorer.workspace.messages import AskConfusion, OfLayer, OfUnit

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 40, 40, 3), np.uint8)


@pytest.fixture
def scanned(workspace, tiny, tmp_path):
    scan = cs.scan(
        tiny, [(image, n % 3) for n, image in enumerate(IMAGES)], tmp_path / "scan", layers="0,2,3", positions=0
    )
    workspace.use_scan(scan, tmp_path / "scan")
    return workspace


@pytest.mark.parametrize("layer", ["0", "2", "3"])
def test_statistics_are_those_of_the_scan(scanned, layer):
    header, arrays = decode(statistics(scanned, OfLayer(network="tiny", layer=layer)))
    rows = [scanned.scan.statistics(f"{layer}:{channel}") for channel in range(len(arrays["max"]))]
    assert header == {"layer": layer, "images": 12}
    for name, column in {"max": "max", "mean": "mean", "fraction": "rate", "selectivity": "selectivity"}.items():
        assert arrays[name].dtype == np.float32
        wanted = [np.nan if row[column] is None else row[column] for row in rows]
        assert np.array_equal(arrays[name], np.array(wanted, np.float32), equal_nan=True)


def test_without_classes_selectivity_is_sparseness_over_images(workspace, tiny):
    workspace.use_scan(cs.scan(tiny, list(IMAGES), layers="3"), "memory")
    _, arrays = decode(statistics(workspace, OfLayer(network="tiny", layer="3")))
    rows = [workspace.scan.statistics(f"3:{channel}") for channel in range(4)]
    wanted = [np.nan if row["lifetime_sparseness"] is None else row["lifetime_sparseness"] for row in rows]
    assert np.allclose(arrays["selectivity"], wanted, equal_nan=True)


def test_a_histogram_counts_every_activation_once(scanned, tiny):
    header, arrays = decode(histogram(scanned, OfUnit(network="tiny", layer="0", channel=3)))
    edges, counts = arrays["edges"], arrays["counts"]
    assert header["unit"] == "0:3" and header["dead"] is False and header["statistics"]["channel"] == 3
    assert len(edges) == len(counts) + 1 and (np.diff(edges) > 0).all()
    ends, found = scanned.scan.histogram("0:3")
    assert counts.sum() == found.sum() and (counts > 0).sum() == len(found)
    assert set(ends[:, 0].astype(np.float32)) <= set(edges)
    values = np.stack([cs.activations(tiny, image, "0").values[3] for image in IMAGES])
    assert counts.sum() == values.size
    assert np.abs(np.histogram(values, edges)[0] - counts).sum() <= 4  # batches round differently


def test_gaps_between_bins_are_empty_bins():
    edges, counts = contiguous(np.array([[-2, -1], [-1, 0], [3, 4]]), np.array([5, 6, 7]))
    assert edges.tolist() == [-2, -1, 0, 3, 4] and counts.tolist() == [5, 6, 0, 7]
    edges, counts = contiguous(np.zeros((0, 2)), np.zeros(0))
    assert len(edges) == 1 and len(counts) == 0


@pytest.mark.parametrize("answer", [
    lambda workspace, layer: statistics(workspace, OfLayer(network="tiny", layer=layer)),
    lambda workspace, layer: histogram(workspace, OfUnit(network="tiny", layer=layer, channel=0)),
])  # fmt: skip
def test_what_the_scan_does_not_have_is_refused_with_the_next_step(scanned, answer):
    with pytest.raises(UnknownLayer, match=r"This scan has no layer '6'.* Scan with layers=6 to have it"):
        answer(scanned, "6")
    scanned.scan = None
    with pytest.raises(BadScan, match=r"There must be a scan, and there is none\. Scan the images at hand"):
        answer(scanned, "0")


def test_a_channel_there_is_not_is_refused(scanned):
    with pytest.raises(UnknownUnit, match="has 6 channels"):
        histogram(scanned, OfUnit(network="tiny", layer="0", channel=99))


def test_a_scan_of_another_network_is_refused(scanned, tiny):
    tiny.module[0].weight.data.add_(1)
    with pytest.raises(BadScan, match="scan must be of tiny as it is"):
        statistics(scanned, OfLayer(network="tiny", layer="0"))


def test_confusion_lists_mistakes_and_has_their_images_at_hand(workspace, tiny, tmp_path):
    truths = {n: tiny.predict(image, 1)[0] for n, image in enumerate(IMAGES)}
    named = [(image, f"{(truths[n][1] + n % 3) % 5}_x") for n, image in enumerate(IMAGES)]
    scan = cs.scan(tiny, named, tmp_path / "scan", layers="3", predictions="yes", labels="source")
    workspace.use_scan(scan, tmp_path / "scan")
    found = confusion(workspace, AskConfusion(network="tiny"))
    assert (found.images, found.top1, found.unmatched, found.shown) == (12, scan.confusion().top1, (), ())
    assert [cell.images for cell in found.cells] == sorted((cell.images for cell in found.cells), reverse=True)
    assert sum(cell.images for cell in found.cells) == 8, "a third was given its own class"
    cell = found.cells[0]
    assert (cell.label, cell.taken_for) == (tiny.label(cell.true), tiny.label(cell.predicted))
    assert cell.true != cell.predicted
    shown = confusion(workspace, AskConfusion(network="tiny", true=cell.true, predicted=cell.predicted)).shown
    wanted = scan.confusion().images_of(cell.true, cell.predicted)
    assert tuple(row.name for row in shown) == wanted and len(wanted) == cell.images
    for row in shown:
        np.testing.assert_array_equal(workspace.image(row.id).pixels, IMAGES[int(row.name)])
    assert not {row.id for row in shown} & {row.id for row in workspace.pictures.images()}, "they are not listed"


def test_a_scan_without_classes_says_what_confusion_needs(workspace, tiny):
    workspace.use_scan(cs.scan(tiny, list(IMAGES), layers="3"), "memory")
    with pytest.raises(BadKnob, match="one score a class from tiny, and predictions=yes"):
        confusion(workspace, AskConfusion(network="tiny"))
