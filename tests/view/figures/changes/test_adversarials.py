"""Figures of adversarial examples: the change about grey, and the words that a file must earn."""

from dataclasses import replace

import numpy as np
import pytest

import convscope as cs
from convscope.base.errors import BadKnob
from convscope.results.adversarial import Adversarial
from convscope.techniques.differences.behind import AttackedNetwork
from convscope.view.figures.changes.adversarials import amplified
from convscope.view.figures.registry import draw


def made(net, most=2, success=True):
    """An example of steps drawn at random, which none was looked for."""
    clean = net.see("sample:cat")
    steps = np.random.default_rng(0).integers(-most, most + 1, clean.shape)
    image = np.clip(clean + steps, 0, 255).astype(np.uint8)
    change = image.astype(np.float32) - clean
    top = tuple((label, index, share, 1.0) for label, index, share in net.predict(net.view("sample:cat"), 5))
    norms = {"l2": np.linalg.norm(change) / 255, "linf": most / 255, "steps": most, "changed": (change != 0).mean()}
    return Adversarial(
        values=change,
        unit=cs.Unit("logits", top[0][1]),
        network=net.name,
        evidence={},
        image=image,
        clean=clean,
        success=success,
        label=top[1][0],
        before=top[0][0],
        target="",
        norms=norms,
        passes={"forward": 3, "backward": 2},
        history=np.array([-1, 0.5, 2], np.float32),
        top_before=top,
        top_after=top[1:] + top[:1],
        view=True,
        behind=AttackedNetwork(net),
    )


def test_the_change_is_signed_about_grey_by_the_gain_alone():
    change = np.array([[[0, 2, -3]]], np.float32)
    assert amplified(change, 10)[0, 0].tolist() == [128, 148, 98]
    assert amplified(change, 1)[0, 0].tolist() == [128, 130, 124]
    assert amplified(np.array([[[40, -40, 12]]], np.float32), 10)[0, 0].tolist() == [255, 0, 248]


def test_three_panes_have_one_size_and_the_gain_is_written(tiny):
    found = made(tiny)
    view = draw(found, figure=True)
    assert [panel.array for panel in view.panels] == ["before", "change", "after", "classes", "lead", "steps"]
    assert "× 10" in view.panels[1].title and "× 3" in draw(found, figure=True, gain=3).panels[1].title
    assert np.array_equal(view.arrays["before"][0], found.clean) and np.array_equal(
        view.arrays["after"][0], found.image
    )
    assert len({panel.side for panel in view.panels[:3]}) == 1 and "cut off" not in view.note
    assert "cut off in" in draw(made(tiny, 40), figure=True).note
    assert "L∞ 2/255" in view.note and "3 forward, 2 backward" in view.note


def test_it_is_fooled_only_where_the_file_is(tiny):
    one, other = (draw(made(tiny, success=success), figure=True) for success in (True, False))
    words = [view.title + view.note + "".join(panel.title for panel in view.panels) for view in (one, other)]
    assert "fooled" in words[0] and "fooled" not in words[1] and "not reached" in words[1]


@pytest.mark.parametrize("most", [1, 5, 60, 255])
def test_every_value_is_in_one_row_of_the_histogram(tiny, most, monkeypatch):
    from convscope.view.figures.changes import adversarials

    drawn = []
    monkeypatch.setattr(
        adversarials, "bar_chart", lambda rows, *_, **__: drawn.append(rows) or np.zeros((9, 9, 3), np.uint8)
    )
    adversarials._histogram(made(tiny, most).steps)
    (rows,) = drawn
    assert sum(bar.high for row in rows for bar in row.bars) == pytest.approx(100) and 3 <= len(rows) <= 15


def test_without_a_history_there_is_no_lead(tiny):
    found = replace(made(tiny), history=np.zeros(1, np.float32))
    assert "lead" not in draw(found, figure=True).arrays


def test_it_knows_the_units_it_flips_and_its_path_while_the_network_is_at_hand(tiny, tmp_path):
    found = made(tiny)
    units, path = found.units(), found.path()
    clean = cs.open_image(tiny.view("sample:cat"))
    asked = cs.flipped_units(tiny, clean, found.file)
    assert np.array_equal(units.values, asked.values) and {"difference", "control", "flipped"} < {
        *units.table.column_names
    }
    old, new = found.top_before[0][1], found.top_after[0][1]
    assert str(path.unit) == f"logits:{new} - logits:{old}"
    np.testing.assert_allclose(path.sums, path.rise, atol=0.0101 * abs(path.rise))
    scan = cs.scan(tiny, ["sample:cat", "sample:flower", "sample:coffee"], tmp_path / "scan")
    assert np.array_equal(found.units(scan).values, found.units(str(tmp_path / "scan")).values)
    label, number = found.top_before[2][:2]
    aimed = replace(found, target=label, unit=cs.Unit("logits", number))
    assert str(aimed.path().unit) == f"logits:{number} - logits:{old}"
    with pytest.raises(BadKnob, match="at hand"):
        replace(found, behind=None).units()
