"""Noise of the very size of a change: the same steps in the same values, on the lattice, of signs that are even."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.techniques.differences.control import held_share, noisy_copies, steps_between


def pair(seed, most=40):
    draw = np.random.default_rng(seed)
    seen = draw.integers(0, 256, (6, 5, 3), dtype=np.uint8)
    changed = np.clip(seen.astype(int) + draw.integers(-most, most + 1, seen.shape), 0, 255).astype(np.uint8)
    return seen, steps_between(seen, changed)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(0, 255), st.booleans())
def test_every_copy_moves_every_value_by_as_many_steps(seed, most, grey):
    seen, steps = pair(seed, most)
    copies = noisy_copies(seen, steps, 3, seed, grey)
    assert copies.dtype == np.uint8 and copies.shape == (3, *seen.shape)
    assert np.array_equal(np.abs(copies.astype(int) - seen), np.broadcast_to(np.abs(steps), copies.shape))


def test_signs_are_even_and_have_nothing_of_the_change():
    seen = np.full((40, 40, 3), 128, np.uint8)
    steps = np.ones(seen.shape, np.int16)
    moved = noisy_copies(seen, steps, 20, 0).astype(int) - seen
    count = moved.size
    assert abs(moved.sum()) < 4 * np.sqrt(count)  # a sum of ±1
    assert np.abs(moved.mean(0)).max() < 1  # no value has one sign in all copies
    assert abs((moved[0] * moved[1]).sum()) < 4 * np.sqrt(steps.size)


def test_it_is_the_same_for_a_seed_and_another_for_another():
    seen, steps = pair(1)
    first, again, other = (noisy_copies(seen, steps, 2, seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert np.array_equal(noisy_copies(seen, steps, 1, 3)[0], first[0])  # more copies change none


def test_where_a_value_can_move_one_way_only_it_does_and_this_is_told():
    seen = np.array([[[0, 255, 100]]], np.uint8)
    steps = np.array([[[7, -3, 5]]], np.int16)
    copies = noisy_copies(seen, steps, 64, 0)
    assert (copies[..., 0] == 7).all() and (copies[..., 1] == 252).all() and set(copies[..., 2].flat) == {95, 105}
    assert held_share(seen, steps) == pytest.approx(2 / 3)
    assert held_share(seen, np.zeros_like(steps)) == 0


def test_the_colors_of_a_pixel_have_one_sign_for_grey_networks():
    seen = np.full((9, 9, 3), 128, np.uint8)
    copies = noisy_copies(seen, np.full(seen.shape, 2, np.int16), 4, 0, grey=True)
    assert np.array_equal(copies[..., 0], copies[..., 1]) and set(copies.flat) == {126, 130}
