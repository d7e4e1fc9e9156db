"""What was used last, as much of it as fits: the memory of the explorer is bounded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class LRUCache(Generic[V]):
    """Values by key, `limit` bytes of them, as `size` measures them; those not used for the longest time go first."""

    def __init__(self, limit: int, size: Callable[[V], int]) -> None:
        self._limit, self._size = limit, size
        self._values: OrderedDict[Hashable, V] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """The value of a key, if it is still there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Hashable, value: V) -> V:
        """Keep a value, and give it back; one that is larger than the limit is not kept."""
        size = self._size(value)
        with self._lock:
            if key in self._values or size > self._limit:
                return value
            self._values[key] = value
            self._bytes += size
            while self._bytes > self._limit:
                _, old = self._values.popitem(last=False)
                self._bytes -= self._size(old)
        return value
