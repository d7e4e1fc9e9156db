"""Adversarial examples to views: before, change and after, what each is taken for, and the file's own numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ....results.adversarial import Adversarial, Ranked, Universal
from ...charts.bar_chart import BLUE, GREY, RED, Bar, BarRow, bar_chart
from ...charts.line_chart import lines
from ...panels.captions import note, title
from ...panels.parts import with_panel
from ...view import Panel, View
from .flipped_units import with_chart

_SIDE = 298  # of each of three panes
_GREY = 127.5
_ROWS = 13  # of a histogram, about
_LINE = 336  # the width of a line chart


def draw_adversarial(
    result: Adversarial,
    *,
    figure: Annotated[
        bool, Field(description="with what it was made of, the change and what it does, instead of the picture alone")
    ] = False,
    gain: Annotated[float, Field(gt=0, le=255, description="how many times larger a figure draws the change")] = 10.0,
) -> View:
    """Draw the picture, the change, signed about grey, and the result, with the numbers of the file."""
    view = View(title(result, _verdict(result)), (), {}, _numbers(result, gain))
    view = with_panel(view, Panel(f"before: {_named(result.top_before)}", "before", side=_SIDE), result.clean[None])
    change = Panel(f"the change × {gain:g}: grey is none", "change", side=_SIDE, exact=True)
    view = with_panel(view, change, amplified(result.values, gain)[None])
    view = with_panel(view, Panel(f"after: {_named(result.top_after)}", "after", side=_SIDE), result.image[None])
    view = with_chart(view, "the most probable classes: probability, and logit", "classes", _classes(result))
    view = _with_lead(view, result)
    return with_chart(view, "steps of 255 by which values changed", "steps", _histogram(result.steps))


def draw_universal(
    result: Universal,
    *,
    gain: Annotated[float, Field(gt=0, le=127, description="how much the change is amplified about grey")] = 10.0,
) -> View:
    """Draw a universal change about grey, amplified, with the share of pictures that it fools."""
    low, high = result.interval
    about = f"fools {result.rate:.0%} of {result.held_out} held-out pictures ({low:.0%} to {high:.0%})"
    panel = Panel(f"the change × {gain:g}: grey is none", "change", side=_SIDE, exact=True)
    return with_panel(View(title(result, about), (), {}, note(result)), panel, amplified(result.values, gain)[None])


def amplified(change: NDArray[np.float32], gain: float) -> NDArray[np.uint8]:
    """A change in steps of 1/255, (H, W, 3), so many times larger about middle grey; what goes beyond is cut off."""
    return np.asarray(np.rint(np.clip(_GREY + gain * change, 0, 255)), np.uint8)


def _verdict(result: Adversarial) -> str:
    wanted = f"aimed at {_short(result.target)}" if result.target else f"away from {_short(result.before)}"
    if result.success:
        return f"{wanted}: fooled, {_short(result.before)} → {_short(result.label)}"
    return f"{wanted}: not reached, the file is taken for {_short(result.label)}"


def _numbers(result: Adversarial, gain: float) -> str:
    """What the file itself says, and what it took."""
    norms, passes = result.norms, result.passes
    told = f"of the file: L2 {norms['l2']:.3g}, L∞ {round(norms['steps'])}/255; changed {result.change}"
    took = ", ".join(f"{count:,} {name}" for name, count in passes.items())
    seed = result.asked.get("seed")
    words = [told, f"passes: {took}", f"seed {seed}" if seed is not None else "", _cut_off(result, gain), note(result)]
    return "; ".join(filter(None, words))


def _named(top: Sequence[Ranked]) -> str:
    label, _, probability, _ = top[0]
    return f"{_short(label)}, {probability:.1%}"


def _short(label: str) -> str:
    return label.split(",")[0]


def _cut_off(result: Adversarial, gain: float) -> str:
    beyond = float((np.abs(result.values) * gain > _GREY).mean())
    return f"× {gain:g} is cut off in {beyond:.1%} of values" if beyond else ""


def _classes(result: Adversarial) -> NDArray[np.uint8]:
    rows = [
        BarRow(_short(label), (Bar(0, 100 * share, color),), f"{_percent(share)}, logit {_signed(logit)}")
        for top, color in ((result.top_before, BLUE), (result.top_after, RED))
        for label, _, share, logit in top
    ]
    return bar_chart(rows, {"before": BLUE, "after": RED}, "probability in %", width=200)


def _histogram(steps: NDArray[np.int16]) -> NDArray[np.uint8]:
    """How many values changed by each number of steps, −n to n; where there are many numbers, by ranges of them."""
    most = max(1, int(np.abs(steps).max()))
    wide = -(-(2 * most + 1) // _ROWS) | 1  # odd, so that zero is in the middle of a range
    reach = -(-(most - wide // 2) // wide)
    ranges = [(middle - wide // 2, middle + wide // 2) for middle in range(-reach * wide, reach * wide + 1, wide)]
    shares = [float(((steps >= low) & (steps <= high)).mean()) for low, high in ranges]
    rows = [
        BarRow(_range(low, high), (Bar(0, 100 * share, GREY if low <= 0 <= high else RED),), _percent(share))
        for (low, high), share in zip(ranges, shares, strict=True)
    ]
    return bar_chart(rows, {"changed": RED, "as it was" if wide == 1 else "about as it was": GREY}, "% of values")


def _percent(share: float) -> str:
    return "< 0.001 %" if 0 < share < 1e-5 else f"{100 * share:.3g} %"


def _signed(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")


def _range(low: int, high: int) -> str:
    words = f"{low:+d}" if low == high else f"{low:+d} … {high:+d}"
    return words.replace("-", "−").replace("+0", "0")


def _with_lead(view: View, result: Adversarial) -> View:
    """The lead of what is wanted over the steps, where there are some."""
    history = result.history
    if len(history) < 2 or not np.isfinite(history).any():
        return view
    chart = lines(
        np.linspace(0, 1, len(history), dtype=np.float32), {"lead": history}, f"share of {len(history)} steps"
    )
    words = "lead of what is wanted, in logits: above 0 it is reached"
    return with_panel(view, Panel(words, "lead", side=_LINE, exact=True), chart[None])
