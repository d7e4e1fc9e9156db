"""Ascent: its steps against the papers' loops, what it raises, and that it goes on where it stopped to the last bit."""

import math
from functools import partial

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.base.errors import ForwardFailed
from convscope.execution.features import along, looking
from convscope.optimize.ascent import Ascent, NotFinite, OptimizerSettings
from convscope.optimize.canvas import Fourier, Frame, MagnitudeConstrained, Pixels, Pyramid, Transparent
from convscope.optimize.draws import generator
from convscope.optimize.objective import Caricature, Direction
from convscope.optimize.objective_text import objective
from convscope.optimize.regularizer import L2, BlurEvery, Clip, Decay, TotalVariation
from convscope.optimize.transform import Chain, Jitter, Noise, blurred

SIDE = 12
CANVASES = {
    "pixels": Pixels,
    "fourier": partial(Fourier, noise=0.2),
    "pyramid": partial(Pyramid, noise=0.1),
    "maco": lambda frame: MagnitudeConstrained(frame, torch.full((3, frame.height, frame.width // 2 + 1), 0.5)),
    "transparent": lambda frame: Transparent(Pixels(frame), frame),
}
each_canvas = pytest.mark.parametrize("name", CANVASES)


def painted(name, count=2, seed=0, side=SIDE):
    rngs = [generator(seed, n) for n in range(count)]
    return CANVASES[name](Frame(rngs, 3, side, side, torch.device("cpu"))), rngs


WEIGHTS = torch.randn(4, 4, SIDE, SIDE, generator=torch.Generator().manual_seed(9))


def bent_value(pictures):
    """A value with another slope everywhere."""
    return (WEIGHTS[:1, : pictures.shape[1]] * pictures + (3 * pictures).sin()).sum((1, 2, 3))


def bent(pictures, redirect=False):
    return along(pictures, bent_value, "it")


def jittered(rngs):
    """The same of pictures moved at random: what comes out depends on the state of the random numbers."""
    chain = Chain((Jitter(2), Noise(0.05)))
    return lambda pictures, redirect: along(pictures, lambda p: bent_value(chain(p, rngs)), "it")


def yosinski(start, mean, steps, rule, updates=(), most=math.inf, rate=1.0, deviation=1 / 255):
    """The loop of Yosinski's toolbox for one picture in values from 0 to 255; the network divides by `deviation`."""
    x = (start - mean) * 255
    for step in range(steps):
        x = np.clip(x + mean * 255, 0, 255) - mean * 255
        slope = bent(torch.tensor((x / 255 + mean)[None], dtype=torch.float32))[1][0].numpy()
        gradient = slope * deviation  # along the network's input
        length = rate
        if rule == "progress":
            along_pixels = slope / 255
            length = min(most, rate / (along_pixels**2).sum() * (along_pixels / gradient).flat[0])
        x = x + length * gradient
        for update in updates:
            match update:
                case Decay():
                    x = x * (1 - update.rate)
                case BlurEvery():
                    if step % update.every == 0:
                        x = blurred(torch.from_numpy(x)[None], update.sd)[0].numpy()
                case Clip(by="norm"):
                    norms = np.sqrt((x**2).sum(0))
                    x = x * ~(norms < np.percentile(norms, update.percentile))
                case Clip(by="absolute"):
                    benefit = np.abs((slope * -x).sum(0))
                    x = x * ~(benefit < np.percentile(benefit, update.percentile))
    return np.clip(x / 255 + mean, 0, 1)


@pytest.mark.parametrize("deviation", [1 / 255, 0.226])
@pytest.mark.parametrize(
    ("settings", "updates"),
    [
        (OptimizerSettings("gradient", 100), ()),
        (OptimizerSettings("gradient", 5000), (Decay(0.3), Clip("norm", 20))),
        (OptimizerSettings("gradient", 5000), (Decay(1e-4), BlurEvery(1.0))),
        (OptimizerSettings("progress", 2, most=1e8), (BlurEvery(0.5), Clip("absolute", 90))),
        (OptimizerSettings("progress", 2, most=100), (BlurEvery(0.5), Clip("norm", 50))),
        (OptimizerSettings("progress", 20), ()),
    ],
    ids=["plain", "2", "3", "4", "1", "no bound"],
)
def test_yosinskis_steps(settings, updates, deviation):
    canvas, rngs = painted("pixels")
    mean = torch.tensor([0.48, 0.46, 0.4]).reshape(3, 1, 1)
    start = canvas.image().detach().numpy().copy()
    settings = OptimizerSettings(settings.kind, settings.rate, most=settings.most, updates=updates)
    ascent = Ascent(canvas, bent, settings, 6, rngs, mean, deviation)
    for _ in range(6):
        ascent.step()
    for found, picture in zip(ascent.image().numpy(), start, strict=True):
        wanted = yosinski(picture, mean.numpy(), 6, settings.kind, updates, settings.most, settings.rate, deviation)
        assert np.abs(wanted - picture).max() > 1e-6
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", ["pixels", "pyramid", "fourier"])
def test_progress_and_normalized_are_of_all_numbers_of_a_picture(name):
    for optimizer in ("progress", "normalized"):
        canvas, rngs = painted(name)
        before = [p.detach().clone() for p in canvas.parameters]
        slopes = torch.autograd.grad(canvas.image(), canvas.parameters, bent(canvas.image().detach())[1])
        Ascent(canvas, bent, OptimizerSettings(optimizer, 1e-3), 1, rngs).step()
        for n in range(2):
            every = torch.cat([s[n].flatten() for s in slopes])
            length = 1e-3 / (every.square().sum() if optimizer == "progress" else every.abs().mean())
            moves = [p.detach()[n] - old[n] for p, old in zip(canvas.parameters, before, strict=True)]
            for moved, slope in zip(moves, slopes, strict=True):
                torch.testing.assert_close(moved, length * slope[n], rtol=1e-2, atol=1e-6)
            if optimizer == "progress":  # what a linear value would gain
                gain = sum((m * s[n]).sum() for m, s in zip(moves, slopes, strict=True))
                assert gain.item() == pytest.approx(1e-3, rel=2e-2)


@each_canvas
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize(("optimizer", "kind"), [("adam", torch.optim.Adam), ("nadam", torch.optim.NAdam)])
def test_adam_and_nadam_are_torchs(name, optimizer, kind, schedule):
    canvas, rngs = painted(name)
    other, _ = painted(name)
    penalties = (L2(0.1), TotalVariation(0.05))
    ascent = Ascent(
        canvas, bent, OptimizerSettings(optimizer, 0.05, (0.5, 0.99), schedule, penalties=penalties), 5, rngs
    )
    by_hand = kind(other.parameters, lr=0.05, betas=(0.5, 0.99))
    for step in range(5):
        ascent.step()
        by_hand.param_groups[0]["lr"] = 0.05 * (0.5 + 0.5 * math.cos(math.pi * step / 5) if schedule == "cosine" else 1)
        by_hand.zero_grad()
        image = other.image()
        values = bent_value(image)
        np.testing.assert_allclose(ascent.values, values.detach(), rtol=1e-5)
        (-(values - sum(penalty(image) for penalty in penalties)).sum()).backward()
        by_hand.step()
        other.constrain()
    for found, wanted in zip(canvas.parameters, other.parameters, strict=True):
        apart = (found - wanted).abs()  # where a slope is all but nothing, its last bits decide
        assert apart.mean() < 1e-5 and apart.max() < 5e-3 and found.grad is None


def test_rates():
    assert [OptimizerSettings(rate=2, schedule="cosine").rate_at(step, 4) for step in (0, 2)] == pytest.approx([2, 1])
    assert [OptimizerSettings(rate=2).rate_at(step, 4) for step in (0, 2, 3)] == [2, 2, 2]


TERMS = [
    "2:1", "-1*2:1", "0:2@5,6", "3", "logits:3", "probs:3", "above(logits:3)", "dream(2)", "dream(logits)",
    "diversity(0)", "alignment(0)", "direction(3, 1 -1 0.5 0)", "caricature(3, sample:cat)", "logits:1 - 0.5*logits:2",
]  # fmt: skip
CLIMBS = {
    "pixels": OptimizerSettings("adam", 0.02),
    "fourier": OptimizerSettings("adam", 0.2),
    "pyramid": OptimizerSettings("adam", 0.05),
    "maco": OptimizerSettings("nadam", 0.2),
    "transparent": OptimizerSettings("adam", 0.02),
}


@pytest.fixture
def plain(tiny):
    """The tiny network with rectifiers that let all through, so that every unit has a slope."""
    tiny.module[2] = torch.nn.LeakyReLU(0.3)
    return tiny.with_module(tiny.module)


@each_canvas
@pytest.mark.parametrize("text", TERMS)
def test_ascent_raises(plain, name, text):
    asked = objective(text).resolved(plain)
    canvas, rngs = painted(name, 3, side=32)
    with looking(plain, asked.layers, "fp32") as eye:

        def goal(pictures, redirect):
            if name != "transparent":
                return along(pictures, lambda p: asked(eye(p, redirect)), text)
            return along(pictures, lambda p: asked(eye(p[:, :3] * p[:, 3:] + 0.5 * (1 - p[:, 3:]), redirect)), text)

        start = goal(canvas.image().detach(), False)[0]
        ascent = Ascent(canvas, goal, CLIMBS[name], 12, rngs)
        for _ in range(12):
            ascent.step()
        end = goal(ascent.image(), False)[0]
    together = text.startswith(("diversity", "alignment"))
    assert (end.sum() > start.sum()) if together else (end > start).all()
    assert not ascent.stuck.any() and ascent.redirected == 0


@each_canvas
@pytest.mark.parametrize(
    "settings",
    [
        OptimizerSettings("adam", 0.1, schedule="cosine"),
        OptimizerSettings("nadam", 0.1),
        OptimizerSettings("gradient", 2000),
    ],
)
def test_it_goes_on_where_it_stopped_to_the_last_bit(name, settings):
    if name == "pixels":
        settings = OptimizerSettings(settings.kind, settings.rate, updates=(Decay(0.1), BlurEvery(0.5, 3)))

    def begun(seed):
        canvas, rngs = painted(name, seed=seed)
        return Ascent(canvas, jittered(rngs), settings, 7, rngs)

    whole, states = begun(1), []
    for _ in range(7):
        states.append(whole.state())
        whole.step()
    for done, state in enumerate(states):
        again = begun(2)
        again.load(state)
        assert again.number == done
        for _ in range(7 - done):
            again.step()
        left, right = whole.state(), again.state()
        assert left.keys() == right.keys()
        for key, value in left.items():
            assert value.dtype == right[key].dtype and np.array_equal(value, right[key], equal_nan=True), key
        assert torch.equal(whole.image(), again.image())


def test_a_state_is_not_changed_by_the_steps_after_it():
    canvas, rngs = painted("pixels")
    ascent = Ascent(canvas, jittered(rngs), OptimizerSettings(), 5, rngs)
    ascent.step()
    state = ascent.state()
    copy = {name: value.copy() for name, value in state.items()}
    ascent.step()
    assert all(np.array_equal(value, copy[name]) for name, value in state.items())


@each_canvas
@pytest.mark.parametrize("broken", ["value", "slope"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_are_not_finite_leave_the_canvas_as_it_was(name, broken, bad):
    canvas, rngs = painted(name)
    looks = []

    def goal(pictures, redirect):
        values, slopes = bent(pictures)
        looks.append(1)
        if len(looks) == 3:
            (values if broken == "value" else slopes[:, 0, 0])[:] = bad
        return values, slopes

    ascent = Ascent(canvas, goal, OptimizerSettings(), 9, rngs)
    ascent.step()
    ascent.step()
    kept = [p.detach().clone() for p in canvas.parameters], ascent.best.clone(), ascent.values, ascent.stuck.clone()
    with pytest.raises(NotFinite, match="was not a number at step 3 of 9") as raised:
        ascent.step()
    assert isinstance(raised.value, ForwardFailed) and ascent.number == 2
    assert all(torch.equal(p, old) for p, old in zip(canvas.parameters, kept[0], strict=True))
    assert torch.equal(ascent.best, kept[1]) and ascent.values is kept[2] and torch.equal(ascent.stuck, kept[3])


@pytest.mark.parametrize("broken", ["value", "slope"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_picture_whose_numbers_are_not_finite_stays_behind_and_the_others_go_on_as_they_would_alone(broken, bad):
    def begun(count, breaks):
        canvas, rngs = painted("pixels", count)
        moves, looks = jittered(rngs), []

        def goal(pictures, redirect):
            values, slopes = moves(pictures, redirect)
            looks.append(1)
            if breaks and len(looks) >= 3:
                (values if broken == "value" else slopes[:, 0, 0])[1] = bad
            return values, slopes

        return Ascent(canvas, goal, OptimizerSettings(), 6, rngs)

    ascent, alone = begun(2, True), begun(1, False)
    for _ in range(6):
        ascent.step()
        alone.step()
        if ascent.number == 2:
            kept = ascent.value[1].item(), ascent.best[1].clone()
    assert ascent.ended.tolist() == [0, 3] and torch.isnan(ascent.values).tolist() == [False, True]
    assert torch.equal(ascent.image()[:1], alone.image()) and torch.equal(ascent.best[:1], alone.best)
    assert ascent.value[1].item() == kept[0] and torch.equal(ascent.best[1], kept[1])


def test_the_best_is_the_best():
    """Steps so long that the value goes up and down; each picture has its own best."""
    canvas, rngs = painted("pixels", 4)
    seen = []

    def goal(pictures, redirect):
        target = torch.linspace(0.2, 0.8, 4).reshape(-1, 1, 1, 1)
        values, slopes = along(pictures, lambda p: -(p - target).square().sum((1, 2, 3)), "it")
        seen.append((values, pictures.clone()))
        return values, slopes

    ascent = Ascent(canvas, goal, OptimizerSettings("adam", 0.15), 10, rngs)
    assert torch.equal(ascent.best, canvas.image()) and (ascent.value == -math.inf).all()
    for _ in range(10):
        ascent.step()
    values = torch.stack([values for values, _ in seen])
    assert len(set(values.argmax(0).tolist())) > 1, "pictures must be at their best at other steps"
    assert torch.equal(ascent.value, values.amax(0)) and torch.equal(ascent.values, values[-1])
    for n, step in enumerate(values.argmax(0)):
        assert torch.equal(ascent.best[n], seen[step][1][n])


def test_updates_reach_the_colors_under_an_alpha_channel():
    canvas, rngs = painted("transparent")
    Ascent(canvas, bent, OptimizerSettings("gradient", 0, updates=(Decay(1.0),)), 1, rngs, mean=0.3).step()
    assert torch.equal(canvas.image()[:, :3], torch.full((2, 3, SIDE, SIDE), 0.3)) and canvas.image()[:, 3].std() > 0


@each_canvas
def test_pictures_are_painted_as_they_would_be_alone(name):
    if name == "transparent":
        return
    for settings in (
        OptimizerSettings("adam", 0.05),
        OptimizerSettings("progress", 0.5),
        OptimizerSettings("normalized", 0.02),
    ):
        both, rngs = painted(name, 2)
        one, _ = painted(name, 1, seed=5)
        with torch.no_grad():
            for p, own in zip(one.parameters, both.parameters, strict=True):
                p.copy_(own[1:])
        ascents = [Ascent(canvas, bent, settings, 4, rngs) for canvas in (both, one)]
        for _ in range(4):
            for ascent in ascents:
                ascent.step()
        torch.testing.assert_close(both.image()[1:], one.image(), rtol=0, atol=1e-5)


def test_terms_of_every_kind_are_in_the_list_of_what_is_raised(tiny):
    kinds = {type(term) for text in TERMS for _, term in objective(text).resolved(tiny).terms}
    assert {Direction, Caricature} <= kinds and len(kinds) == 7, "a new term must be raised too"
    assert cs.Unit("2", 1) == objective(TERMS[0]).unit


@pytest.mark.parametrize(
    "settings", [OptimizerSettings("adam", 0.01), OptimizerSettings("lbfgs")], ids=["adam", "lbfgs"]
)
def test_what_an_optimizer_gathered_is_carried_to_another_size(settings):
    """Of a mean over pixels, slopes along each of four times as many are a quarter."""

    def begun(side):
        canvas, rngs = painted("pixels", count=1, side=side)
        return Ascent(canvas, lambda x, redirect: (-(x - 0.3).square().sum((1, 2, 3)), 0.6 - 2 * x), settings, 4, rngs)

    small, large = begun(SIDE), begun(2 * SIDE)
    for _ in range(3):
        small.step()
    large.carry(small)
    before, after = small.state(), large.state()
    powers = {"exp_avg": 1, "exp_avg_sq": 2, "turns": 1, "steps": 0}
    carried = {name.removeprefix("optimizer.0.") for name in after if name.startswith("optimizer")}
    of = {"adam": {"step", "exp_avg", "exp_avg_sq"}, "lbfgs": {"moves", "steps", "turns"}}
    assert carried == of[settings.kind]
    for name in carried - {"step", "moves"}:
        was, now = (state[f"optimizer.0.{name}"] for state in (before, after))
        assert now.shape[-2:] == (2 * SIDE, 2 * SIDE)
        assert now.mean() == pytest.approx(was.mean() * 0.25 ** powers[name], rel=1e-3)
