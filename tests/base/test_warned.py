"""What becomes of warnings is as before, whichever threads have changed it meanwhile."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from convscope.base.warned import unwarned


def test_warnings_of_a_kind_and_a_text_are_not_heard():
    with pytest.warns(UserWarning, match="other") as heard, unwarned(UserWarning, message="such|also"):
        for text in ("such as this", "also that", "other"):
            warnings.warn(text, UserWarning, stacklevel=1)
    assert len(heard) == 1
    with unwarned():
        warnings.warn("anything", DeprecationWarning, stacklevel=1)


def test_blocks_of_several_threads_leave_the_filters_as_they_were():
    before, start = list(warnings.filters), threading.Barrier(2, timeout=120)

    def work(_):
        start.wait()
        for _ in range(200):
            with unwarned(UserWarning):
                assert warnings.filters[0][:3:2] == ("ignore", UserWarning)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
    assert list(warnings.filters) == before
