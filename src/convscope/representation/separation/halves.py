"""Two halves of a collection, told apart by the names of the images alone: what one half finds, the other tests."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def finding_half(ids: Sequence[str], seed: int = 0) -> NDArray[np.bool_]:
    """Which images (n,) belong to the half that finds, by a hash of their ids: the others test.

    An image is in the same half in whatever order and company it comes, and copies under one id are in one half. Of n
    different ids about n/2 are in each.
    """
    told = (f"{seed} {name}".encode("utf-8", "surrogatepass") for name in ids)  # a file's name can be any bytes
    return np.array([hashlib.sha256(name).digest()[0] < 128 for name in told], bool)
