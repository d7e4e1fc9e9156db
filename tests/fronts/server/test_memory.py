"""What was freed is given back, also where it lies below something that stays."""

import ctypes
import subprocess
import sys

import pytest

GROWN = """
import ctypes, threading, time
from convscope.fronts.server import memory

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
before = memory._resident()
blocks = []
for _ in range(2000):
    blocks.append(libc.malloc(100_000))
    ctypes.memset(blocks[-1], 1, 100_000)
    libc.malloc(64)  # which stays, above it
for block in blocks:
    libc.free(block)
assert memory._resident() - before > 150_000_000, "the C library gives it back by itself"
memory._SOON = memory._LATE = 0.01
threading.Thread(target=memory.tend_memory, daemon=True).start()
end = time.monotonic() + 120
while memory._resident() - before > 50_000_000 and time.monotonic() < end:
    time.sleep(0.01)
assert memory._resident() - before < 50_000_000, memory._resident() - before
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="is about glibc"
)  # fmt: skip
def test_what_is_free_is_given_back():
    done = subprocess.run([sys.executable, "-c", GROWN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
