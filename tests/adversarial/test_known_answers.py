"""The answers that are known of affine networks, to the digit, for every attack."""

import numpy as np
import pytest
import torch

from convscope.adversarial.boundary import to_boundary
from convscope.adversarial.goal import Goal
from convscope.adversarial.model import Model
from convscope.adversarial.penalized import penalized
from convscope.adversarial.projected_steps import Ball, projected_steps

from .affine import BOX, TWO, affine, case, closed_form, many


def signs(model, x, goal, eps, steps=1, **more):
    return projected_steps(model, x, goal, Ball(eps), eps if steps == 1 else eps / 3, range(steps), **more)


def l2(found, x):
    return (found.pixels - x).flatten(1).norm(dim=1)


def linf(found, x):
    return (found.pixels - x).abs().flatten(1).amax(1)


def cw(model, x, goal):
    return penalized(model, x, goal, range(60), searches=3, per_search=20)


FAMILY = {
    "fgsm": lambda model, x, goal, eps: signs(model, x, goal, eps),
    "bim": lambda model, x, goal, eps: signs(model, x, goal, eps, 10),
    "pgd": lambda model, x, goal, eps: signs(model, x, goal, eps, 10, start=Ball(eps).draw(x, 0)),
    "mifgsm": lambda model, x, goal, eps: signs(model, x, goal, eps, 10, memory=1.0),
}
ALL = {
    **{name: lambda model, x, goal, one=one: one(model, x, goal, 0.13) for name, one in FAMILY.items()},
    "pgd_l2": lambda model, x, goal: projected_steps(model, x, goal, Ball(0.2, "l2"), 0.05, range(20)),
    "deepfool": lambda model, x, goal: to_boundary(model, x, goal, "l2", range(20)),
    "deepfool_linf": lambda model, x, goal: to_boundary(model, x, goal, "linf", range(20)),
    "cw": cw,
}
every = pytest.mark.parametrize("attack", ALL.values(), ids=ALL.keys())


@pytest.mark.parametrize("attack", FAMILY.values(), ids=FAMILY.keys())
@pytest.mark.parametrize("eps, lead", [(0.11, -0.06), (0.12, 0.08)])
def test_of_two_pixels_all_signed_steps_lose_14_times_epsilon_of_the_margin(attack, eps, lead):
    found = attack(*case(*TWO), eps)
    assert bool(found.reached[0]) == (lead > 0)
    if lead < 0:  # else it ends on the way, once the goal is reached
        assert found.lead[0].item() == pytest.approx(lead, abs=1e-12)
        assert linf(found, case(*TWO)[1])[0].item() == pytest.approx(eps, abs=1e-12)


def test_fgsm_takes_all_of_epsilon_at_once():
    assert signs(*case(*TWO), 0.12).lead[0].item() == pytest.approx(0.08, abs=1e-12)


def test_pgd_in_the_euclidean_norm_goes_along_the_weights():
    model, x, goal = case(*TWO)
    found = projected_steps(model, x, goal, Ball(0.15, "l2"), 0.05, range(10))
    assert not found.reached[0] and found.lead[0].item() == pytest.approx(-(1.6 - 0.15 * 10), abs=1e-9)
    assert (found.pixels - x)[0].tolist() == pytest.approx([-0.15 * 0.6, -0.15 * 0.8], abs=1e-9)
    beyond = projected_steps(model, x, goal, Ball(0.17, "l2"), 0.17, range(10))
    assert beyond.reached[0] and l2(beyond, x)[0].item() == pytest.approx(0.17, abs=1e-9)


@pytest.mark.parametrize("norm, size, step", [("l2", 0.16, [-0.096, -0.128]), ("linf", 1.6 / 14, [-1.6 / 14] * 2)])
def test_deepfool_takes_one_step_to_the_nearest_point_and_overshoots_it(norm, size, step):
    model, x, goal = case(*TWO)
    found = to_boundary(model, x, goal, norm, range(9), overshoot=0.02)
    assert (found.pixels - x)[0].tolist() == pytest.approx([1.02 * each for each in step], abs=1e-12)
    assert (l2 if norm == "l2" else linf)(found, x)[0].item() == pytest.approx(1.02 * size, abs=1e-12)
    assert (model.forward, model.backward) == (3, 2)  # one more forward said which class it is before the attack


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_deepfool_finds_the_nearest_of_several_classes(norm):
    weights, bias, x = many()
    model = affine(weights, bias)
    found = to_boundary(model, x, Goal(model.logits(x).argmax(1)), norm, range(20))
    sizes = (l2 if norm == "l2" else linf)(found, x)
    assert found.reached.all()
    assert torch.allclose(sizes, 1.02 * closed_form(weights, bias, x, norm), rtol=1e-9)


def test_deepfool_keeps_to_the_box_and_is_nearest_within_it():
    model, x, goal = case(*BOX)
    found = to_boundary(model, x, goal, "l2", range(9), overshoot=1e-6)
    assert (found.pixels - x)[0].tolist() == pytest.approx([-0.2 / 3, 0.05], abs=1e-6)
    assert l2(found, x)[0].item() == pytest.approx(1 / 12, abs=1e-6) and found.reached[0]
    assert found.pixels.max() == 1


def test_carlini_and_wagner_find_the_distance_and_with_kappa_the_larger_one():
    model, x, goal = case(*TWO)
    assert l2(cw(model, x, goal), x)[0].item() == pytest.approx(0.16, rel=1e-3)
    confident = Goal(goal.classes, kappa=0.4)
    assert l2(cw(model, x, confident), x)[0].item() == pytest.approx(0.2, rel=1e-3)
    model, x, goal = case(*BOX)
    assert l2(cw(model, x, goal), x)[0].item() == pytest.approx(1 / 12, rel=5e-3)


def test_carlini_and_wagner_come_to_the_optimum_of_many_classes():
    weights, bias, x = many()
    model = affine(weights, bias)
    found = cw(model, x, Goal(model.logits(x).argmax(1)))
    ratio = l2(found, x) / closed_form(weights, bias, x, "l2")
    assert found.reached.all() and ratio.min() >= 1 and ratio.max() < 1.002


def test_the_memory_of_mifgsm_is_that_of_the_paper():
    """Gradients (4, −1), then (−1, −1): m is (.8, −.2), then (.3, −.7), whose signs are (+, −)."""
    slopes, seen = iter([[4.0, -1.0], [-1.0, -1.0], [0.0, 0.0]]), []

    def scores(x):
        seen.append((x.detach() - 0.5)[0].tolist())
        toward = torch.tensor(next(slopes), dtype=x.dtype)
        return torch.stack([9 + 0 * x[:, 0], (x * toward).sum(1)], 1)

    x, goal = torch.full((1, 2), 0.5, dtype=torch.float64), Goal(torch.tensor([0]))
    projected_steps(Model(scores), x, goal, Ball(0.4), 0.1, range(2), memory=1.0, loss="margin")
    assert np.allclose(seen, [[0, 0], [0.1, -0.1], [0.2, -0.2]])


@every
@pytest.mark.parametrize("known", [TWO, BOX], ids=["two", "box"])
def test_a_number_added_to_all_logits_changes_nothing(attack, known):
    plain, shifted = (attack(*case(*known, shift=shift)) for shift in (0, -30))
    assert torch.allclose(plain.pixels, shifted.pixels, atol=1e-9) and plain.reached.equal(shifted.reached)


@every
@pytest.mark.parametrize("targeted", [False, True], ids=["other", "target"])
def test_a_row_does_not_depend_on_those_beside_it(attack, targeted):
    weights, bias, x = many(8)
    model = affine(weights, bias)
    own = model.logits(x).argmax(1)
    goal = Goal((own + 1) % 5 if targeted else own, targeted)
    together = attack(model, x, goal)
    for row in range(len(x)):
        alone = attack(model, x[row : row + 1], goal.rows(torch.tensor([row])))
        assert torch.allclose(alone.pixels[0], together.pixels[row], atol=1e-9)


@every
def test_a_row_that_has_ended_takes_no_more_passes(attack):
    weights, bias, x = many(8)
    seen = []

    def scores(x):
        seen.append(len(x))
        return x @ weights.T + bias

    model = Model(scores)
    own = model.logits(x).argmax(1)
    seen.clear()
    attack(model, x, Goal((own + (torch.arange(8) > 3)) % 5))  # of half of them the goal is reached before the attack
    assert seen[0] == 8 and max(seen[1:], default=0) <= 4 + 4 * (attack is cw)


@every
def test_where_no_gradient_comes_back_nothing_moves_and_that_is_said(attack):
    x = torch.rand(2, 6, dtype=torch.float64)
    model = Model(lambda x: torch.tensor([[1.0, 0.0]]).expand(len(x), 2) + 0 * x[:, :2])
    found = attack(model, x, Goal(torch.tensor([0, 0])))
    assert found.flat.all() and torch.equal(found.pixels, x) and found.pixels.isfinite().all()
    detached = attack(Model(lambda x: torch.tensor([[1.0, 0.0]]).expand(len(x), 2)), x, Goal(torch.tensor([0, 0])))
    assert detached.flat.all() and not detached.reached.any()


@every
def test_pixels_that_are_black_or_white_move_as_any(attack):
    weights = [[-1.0, 2.0, 1.0, 0.5], [1.0, -2.0, -1.0, -0.5]]
    model, x, goal = case(weights, [0.0, 0.1], [0.0, 0.0, 1.0, 0.0])
    found = attack(model, x, Goal(goal.classes, kappa=0.0))
    assert found.pixels.min() >= 0 and found.pixels.max() <= 1
    assert (found.pixels - x)[0, 2] < 0 < (found.pixels - x)[0, 0] and found.lead[0] > goal.lead(model.logits(x))[0]


@every
def test_other_strides_and_layouts_are_the_same(attack):
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(4, 27, generator=generator, dtype=torch.float64)
    x = 0.4 + 0.2 * torch.rand(2, 3, 3, 3, generator=generator, dtype=torch.float64)
    model = Model(lambda x: x.contiguous(memory_format=torch.channels_last).mean((2, 3)).sum(1, keepdim=True) * 0
                  + x.contiguous().flatten(1) @ weights.T)  # fmt: skip
    goal = Goal(model.logits(x).argmax(1))
    plain, other = attack(model, x, goal), attack(model, x.to(memory_format=torch.channels_last), goal)
    assert torch.equal(plain.pixels, other.pixels)


def test_a_random_start_is_uniform_in_the_ball():
    clean = torch.full((1, 3), 0.5, dtype=torch.float64)
    flat, round_ = (
        np.array([(Ball(0.1, n).draw(clean, s) - clean)[0].numpy() for s in range(400)]) for n in ("linf", "l2")
    )
    assert abs(flat).max() <= 0.1 and abs(np.mean(abs(flat)) - 0.05) < 0.005
    sizes = np.linalg.norm(round_, axis=1)
    assert sizes.max() <= 0.1 and abs(np.mean(sizes) - 0.075) < 0.004  # 3/4 of the radius, in three dimensions
