"""Halves by a hash: of an image alone, whatever stands beside it; about equal; and the same for ever."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from convscope.representation.separation.halves import finding_half


@settings(max_examples=30)
@given(st.lists(st.text(max_size=9), max_size=9), st.randoms(use_true_random=False))
def test_an_image_is_in_the_same_half_in_any_company(names, random):
    shuffled = random.sample(names, len(names))
    known = dict(zip(names, finding_half(names), strict=True))
    assert [known[name] for name in shuffled] == finding_half(shuffled).tolist()
    assert all(finding_half([name])[0] == known[name] for name in names)


def test_the_name_of_a_file_can_be_any_bytes():
    assert len(finding_half([b"caf\xe9.jpg".decode("utf-8", "surrogateescape"), "\ud800"])) == 2


def test_halves_are_about_equal_and_of_the_seed():
    names = [f"n{i % 10}/{i}.jpg" for i in range(4000)]
    first, second = finding_half(names), finding_half(names, seed=1)
    assert abs(first.mean() - 0.5) < 0.03 and abs((first == second).mean() - 0.5) < 0.03
    assert first.dtype == bool and first.shape == (4000,)


def test_the_halves_never_change():
    """`printf "0 3.jpg" | sha256sum` begins with a 9, the finding half's with 7 or less."""
    assert np.flatnonzero(finding_half([f"{i}.jpg" for i in range(12)])).tolist() == [0, 1, 2, 4, 5, 6, 7, 10]
    assert np.array_equal(finding_half([]), np.zeros(0, bool))
