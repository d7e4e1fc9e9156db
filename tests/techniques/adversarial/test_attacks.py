"""What all attacks promise: success is of the file read again, budgets hold in whole steps, the module is untouched."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, CannotWrite, UnknownUnit
from convscope.techniques.adversarial.trial import control, judged_by, norms

SIGNED = ["fgsm", "bim", "pgd", "mifgsm"]
QUICK = {
    "fgsm": {}, "bim": {"steps": 4}, "pgd": {"steps": 4}, "mifgsm": {"steps": 4}, "deepfool": {"steps": 5},
    "cw": {"steps": 4, "searches": 2}, "minimal": {"steps": 3, "begin": 4},
}  # fmt: skip
every = pytest.mark.parametrize("name", QUICK)


def photo(seed, size=(45, 37)):
    """Something with large and small structure, and some black and white."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(size)
    waves = sum(rng.normal() * np.cos(rng.normal(0, 0.2, 2) @ [y.ravel(), x.ravel()] + k) for k in range(4))
    picture = 128 + 60 * waves.reshape(*size, 1) + rng.normal(0, 20, (*size, 3))
    return picture.clip(0, 255).astype(np.uint8)


def attack(net, name, image, **more):
    return getattr(cs, name)(net, image, **QUICK[name], **more)


def network(head=None, seed=0, channels=3, classes=5, size=32):
    """A small network whose classes lie close together, so that attacks of few steps succeed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(
            nn.Conv2d(channels, 6, 3, 2), nn.ReLU(), nn.Conv2d(6, 8, 3, 2), nn.ReLU(), nn.Flatten(),
            nn.Linear(8 * 7 * 7, classes), *([] if head is None else [head]),
        )  # fmt: skip
    numbers = {"mean": (0.5,) * channels, "std": (0.25,) * channels}
    return cs.Network(module.eval(), size=size, **numbers, name="small")


def assert_true(net, result, tmp_path):
    """What a result says is what its file does."""
    file = cs.open_image(result.save(tmp_path / "fooled.png"))
    assert np.array_equal(file.pixels, result.image) and file.view == result.view
    label = net.predict(file, 1)[0][0]
    assert label == result.label == result.top_after[0][0]
    assert result.success == (label == result.target if result.target else label != result.before)
    assert result.norms == norms(result.clean, result.image)
    assert np.array_equal(result.values, result.image.astype(int) - result.clean)


@every
@pytest.mark.parametrize("targeted", [False, True], ids=["other", "target"])
def test_a_success_is_one_of_the_file_read_again(name, targeted, tmp_path):
    net, won = network(), 0
    for seed in range(5):
        image = cs.open_image(photo(seed, (30 + seed, 61 - 2 * seed)))
        ranks = net.predict(image)
        result = attack(net, name, image, **({"target": ranks[1][1]} if targeted else {}))
        assert_true(net, result, tmp_path)
        won += result.success
    assert won > 2


@pytest.mark.parametrize("name", SIGNED)
@pytest.mark.parametrize("eps, most", [("1/255", 1), ("0.0118", 3), (2.9 / 255, 2)])
def test_no_value_goes_more_whole_steps_than_fit_into_epsilon(name, eps, most):
    net = network()
    for seed in range(2):
        result = getattr(cs, name)(net, photo(seed), eps=eps, kappa=1e3)  # so that all of the budget is used
        assert result.norms["steps"] == most and result.image.dtype == np.uint8


@pytest.mark.parametrize("eps", [0.05, 0.3])
def test_the_length_in_the_file_keeps_to_the_budget(eps):
    for seed in range(2):
        result = attack(network(), "pgd", photo(seed), eps=eps, norm="l2", kappa=1e3)
        assert 0.9 * eps < result.norms["l2"] <= eps


def test_the_least_change_is_hardly_larger_than_any_other_attacks():
    net = network()
    for seed in range(3):
        least = cs.minimal(net, photo(seed)).norms["l2"]
        assert all(least <= 1.1 * attack(net, name, photo(seed)).norms["l2"] for name in QUICK if name != "minimal")


def test_the_least_number_of_steps_is_one_where_one_is_enough():
    result = cs.minimal(network(), photo(0), norm="linf")
    assert result.success and result.norms["steps"] == 1


def test_rounding_loses_deepfool_and_the_lattice_does_not():
    net, lost = network(), 0
    for seed in range(4):
        off, on = (attack(net, "deepfool", photo(seed), lattice=lattice) for lattice in (False, True))
        assert off.evidence["before_rounding"]["reached"] and on.success
        lost += not off.success
    assert lost


def test_pixels_beyond_the_crop_stay():
    result = cs.fgsm(network(), photo(0, (32, 96)))
    assert result.values[:, 34:62].any() and not result.values[:, :30].any() and not result.values[:, 66:].any()


def test_a_view_is_attacked_and_saved_as_one(tmp_path):
    net = network()
    view = net.view(photo(1, (80, 50)))
    result = cs.pgd(net, view)
    assert result.view and result.image.shape == (32, 32, 3)
    assert_true(net, result, tmp_path)


def test_a_grey_network_and_one_of_two_classes(tmp_path):
    for net in (network(channels=1), network(classes=2)):
        for name in QUICK:
            assert_true(net, attack(net, name, photo(2)), tmp_path)


@every
def test_a_list_goes_in_one_batch_and_each_picture_is_as_it_would_be_alone(name):
    net, pictures = network(), [photo(1), photo(2, (20, 70)), photo(3)]
    net.module.double()  # in single precision other kernels may round otherwise for a batch
    several = attack(net, name, pictures)
    for result, picture in zip(several, pictures, strict=True):
        alone = attack(net, name, picture)
        assert np.array_equal(result.image, alone.image) and result.passes == alone.passes
        assert np.allclose(result.history, alone.history, atol=1e-9) and result.request.digest == alone.request.digest
        assert result.success == alone.success and result.evidence.keys() == alone.evidence.keys()


def test_a_batch_is_no_larger_than_asked_and_shrinks_as_pictures_end():
    net, seen = network(), []
    net.module.register_forward_hook(lambda module, inputs, out: seen.append(len(inputs[0])))
    cs.pgd(net, [photo(number) for number in range(5)], batch_size=3, eps="16/255", steps=40, format="png")
    assert 3 in seen and max(seen) <= 8 and 1 in seen[seen.index(3) :]  # 8 are of the control, in passes of their own
    assert cs.pgd(net, []) == []


def test_a_list_with_a_picture_that_is_wrong_before_keeps_its_order():
    net, pictures = network(), [photo(number) for number in range(4)]
    own = [net.predict(picture, 1)[0][1] for picture in pictures]
    found = cs.pgd(net, pictures, label=own[0], steps=2)
    assert ["wrong_before" in one.evidence for one in found] == [each != own[0] for each in own]
    assert all(np.array_equal(one.clean, picture) for one, picture in zip(found, pictures, strict=True))


@every
def test_pixels_that_the_network_is_given_nothing_of_stay_as_they_are(name):
    picture = photo(3, (32, 64))  # of which the middle half is cropped
    result = attack(network(), name, picture)
    assert result.steps.any() and not result.steps[:, :16].any() and not result.steps[:, 48:].any()


@every
def test_the_module_and_everything_around_it_is_left_alone(name):
    net = network(nn.BatchNorm1d(5))
    net.module.train()
    before, modes = copy.deepcopy(net.module.state_dict()), [m.training for m in net.module.modules()]
    torch.manual_seed(5)
    drawn = torch.get_rng_state()
    attack(net, name, photo(0))
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(torch.equal(value, before[key]) for key, value in net.module.state_dict().items())
    assert [m.training for m in net.module.modules()] == modes
    assert all(p.grad is None and p.requires_grad for p in net.module.parameters())


class Rounded(nn.Module):
    def forward(self, x):
        return x.round()


@every
def test_where_no_slope_comes_back_nothing_changes_and_that_is_said(name):
    result = attack(network(Rounded()), name, photo(0))
    assert not result.success and not result.values.any() and result.evidence["flags"]["zero_gradient"]
    assert "zero gradient" in result.evidence["masked"] and "nothing moved" in result.evidence["vanished"]


def test_a_softmax_inside_is_noticed_and_hinders_nothing(tmp_path):
    net, plain = network(nn.Softmax(1)), network()
    for name in QUICK:
        result, other = (attack(each, name, photo(4)) for each in (net, plain))
        assert result.evidence["flags"]["softmax_inside"] and not other.evidence["flags"]["softmax_inside"]
        assert_true(net, result, tmp_path)
        assert result.success == other.success


def test_a_random_output_is_noticed():
    class Drawing(nn.Module):
        def forward(self, x):
            return nn.functional.dropout(x, 0.5, training=True)

    assert cs.fgsm(network(Drawing()), photo(0)).evidence["flags"]["random_output"]
    assert not cs.fgsm(network(), photo(0)).evidence["flags"]["random_output"]


def test_too_few_steps_are_noticed():
    result = cs.bim(network(), photo(0), eps="1/255", steps=1, target=_far(network(), photo(0)))
    assert (
        not result.success
        and result.evidence["flags"]["too_few_steps"]
        and "too few steps" in result.evidence["masked"]
    )


def _far(net, image):
    return net.predict(image, 5)[-1][1]


def test_wrong_before_is_reported_and_not_attacked():
    net = network()
    own, other = (row[1] for row in net.predict(photo(0))[:2])
    result = cs.pgd(net, photo(0), label=other)
    assert not result.success and not result.values.any() and "wrong before" in result.evidence["wrong_before"]
    assert result.passes == {"forward": 0, "backward": 0} and len(result.history) == 0
    assert cs.pgd(net, photo(0), label=own).passes["forward"] > 0


@pytest.mark.parametrize(
    "knobs, said",
    [
        ({"target": "none of them"}, "target must be the number or label of a class"),
        ({"label": "none of them"}, "label must be the number or label of a class"),
        ({"eps": "0.4/255"}, "nothing can change by less in a file"),
        ({"eps": "-1"}, "eps must be a positive number or fraction"),
        ({"eps": "1/0"}, "eps must be a positive number or fraction"),
        ({"step": "far"}, "step must be a positive number"),
        ({"format": "jpeg"}, "format must be png.*lossy file rounds"),
        ({"format": "jpeg:0"}, "format must be png"),
        ({"judges": "nobody"}, "judges must be names of networks"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_with_the_reason(knobs, said):
    with pytest.raises(cs.ConvscopeError, match=said):
        cs.pgd(network(), photo(0), **knobs)


def test_the_own_class_is_no_target_and_one_class_is_too_few():
    net = network()
    with pytest.raises(BadKnob, match="target must be another class"):
        cs.pgd(net, photo(0), target=net.predict(photo(0))[0][1])
    with pytest.raises(BadKnob, match="two classes or more"):
        cs.pgd(network(classes=1), photo(0))
    maps = cs.Network(nn.Conv2d(3, 4, 3), size=16)
    with pytest.raises(UnknownUnit):
        cs.pgd(maps, photo(0))


def test_half_a_step_without_the_lattice_is_lost_and_said():
    result = cs.fgsm(network(), photo(0), eps="0.4/255", lattice=False)
    assert not result.values.any() and result.change == "nothing" and not result.success


def test_a_file_that_cannot_be_written_is_refused(tmp_path):
    result = cs.fgsm(network(), photo(0))
    with pytest.raises(CannotWrite):
        result.save(tmp_path / "nowhere" / "fooled.png")
    with pytest.raises(BadKnob, match="end in"):
        result.save(tmp_path / "fooled.jpg")


@pytest.mark.parametrize("name", ["bim", "deepfool", "cw", "minimal"])
def test_cancelled_it_is_the_best_so_far_and_says_so(name):
    net = network()

    def stop(step, total, preview):
        assert preview is None or preview.shape[1] == 3
        raise cs.Cancelled

    with cs.listening(stop):
        result = attack(net, name, photo(0), target=_far(net, photo(0)), kappa=50.0)
    assert "cancelled after 1 of" in result.evidence["partial"] and len(result.history)


def test_a_lossy_file_is_tried_where_asked():
    told = cs.pgd(network(), photo(0), eps="8/255", format="jpeg:95").evidence["after_jpeg_95"]
    assert told.startswith(("still fooled", "lost"))


def test_the_control_is_as_large_as_the_change_and_of_the_same_region():
    result = cs.fgsm(network(), photo(0, (32, 96)))
    drawn = control(result.clean, result.image, 0)
    assert len(drawn) == 8 and not np.array_equal(drawn[0], drawn[1])
    inside = (result.clean > 8) & (result.clean < 247)
    for each in drawn:
        steps = each.astype(int) - result.clean
        assert not steps[:, :30].any() and abs(steps).max() == 2
        assert abs((steps != 0)[inside].mean() - (result.values != 0)[inside].mean()) < 0.02


def test_judges_look_at_the_file_and_at_the_control():
    net, judge = network(), network(seed=1)
    result = cs.pgd(net, photo(0), eps="16/255")
    clean = cs.open_image(result.clean)
    told = judged_by([judge], clean, result.file, [clean] * 3)["judges"]["small"]
    assert told["before"] == judge.predict(clean)[0][0] and told["after"] == judge.predict(result.file)[0][0]
    assert told["changed"] == (told["before"] != told["after"]) and told["control"] == "0 of 3"


def test_kappa_is_the_lead_that_is_wanted():
    net = network()
    plain, sure = (cs.pgd(net, photo(0), eps="16/255", steps=40, kappa=kappa) for kappa in (0, 0.1))
    assert plain.success and sure.success and plain.history[-1] > 0 and sure.history[-1] > 0.1


def test_fooling_pictures_look_like_nothing_and_are_certain(tmp_path):
    net = network()
    for start in ("noise", "grey", "stripes", "checkers"):
        picture = cs.fooling(net, "logits:3", start=start, confidence=0.9)
        assert picture.success and picture.label == "3" and picture.top_after[0][2] > 0.9
        assert_true(net, picture, tmp_path)
    sure = cs.fooling(net, "logits:3", confidence=0.9999, steps=1)
    assert not sure.success and sure.top_after[0][2] < 0.9999
    with pytest.raises(BadKnob, match="unit must be a class"):
        cs.fooling(net, "0:1")
    with pytest.raises(BadKnob, match="start must be a picture of another class"):
        cs.fooling(net, f"logits:{net.predict(cs.fooling(net, 'logits:3', steps=1).clean)[0][1]}")
