"""One technique at a time on one module: what looks at it changes it for the while, and others wait.

The lock belongs to the module, so that several `Network`s of one module share it and no other network waits. It is
entered by techniques, scans, and every method of a network that looks at its module, as often as they use each other.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import nn

from ...base.errors import ForwardFailed
from ...base.undo import everything_undone
from .modes import Modes
from .parts import unwrap

P = ParamSpec("P")
R = TypeVar("R")
N = TypeVar("N", bound=Any)
Lock: TypeAlias = Any  # threading.RLock is a function in Python 3.11

_PATIENCE = 2.0  # seconds that a job waits for who waits for its network


class _Locks:
    """A lock for each module, and who waits for it; new ones in a fork, where nobody would ever let go of them."""

    def __init__(self) -> None:
        self.making = threading.Lock()
        self.of: WeakKeyDictionary[nn.Module, Lock] = WeakKeyDictionary()
        self.random: Lock = threading.RLock()
        self.waiting: dict[int, int] = {}  # for which module, by thread
        self.threads = self.orphaned = False  # whether PyTorch's threads have worked here, or did before a fork


_locks = _Locks()


class _Thread(threading.local):
    """What a thread holds, and the one that it works for."""

    def __init__(self) -> None:
        self.held: list[Lock] = []
        self.master: int | None = None


_thread = _Thread()
QUIET: WeakSet[nn.Module] = WeakSet()  # modules that a forward was seen to draw no random numbers for


def worker() -> int:
    """The number of this thread, or of the one that it works for."""
    return threading.get_ident() if _thread.master is None else _thread.master


def serve(master: int) -> None:
    """Let this thread use whatever the thread `master` may use."""
    _thread.master = master


def lock_of(module: nn.Module) -> Lock:
    """The lock of a module; of a thread that works for another one, which holds it, one that is free.

    Raises ForwardFailed in a forked process in which PyTorch would wait for threads that it left behind.
    """
    if _locks.orphaned and torch.get_num_threads() > 1:
        raise ForwardFailed(_ORPHANED)
    if _thread.master is not None:
        return threading.RLock()
    found = _locks.of.get(module)
    if found is None:
        with _locks.making:
            found = _locks.of.setdefault(module, threading.RLock())
    _locks.threads = _locks.threads or torch.get_num_threads() > 1
    return found


def random_lock() -> Lock:
    """The lock of the process's generators of random numbers, which is taken after that of a module."""
    return _locks.random if _thread.master is None else threading.RLock()


_ORPHANED = (
    "This process must not be a fork of one in which convscope has run a network on several threads: they stay behind, "
    "and PyTorch would wait for them for ever. Start it with multiprocessing.get_context('spawn'), or call "
    "torch.set_num_threads(1) in it first."
)


def _forked() -> None:
    orphaned = _locks.threads or _locks.orphaned
    _locks.__init__()  # type: ignore[misc]
    _locks.orphaned = orphaned


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def alone(method: Callable[Concatenate[N, P], R]) -> Callable[Concatenate[N, P], R]:
    """A method of a network, or a function about one, that nothing else uses the module meanwhile."""

    @functools.wraps(method)
    def ask(net: N, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return _held_by([unwrap(net.module)], functools.partial(method, net, *args, **kwargs))

    return ask


def together(modules: Iterable[nn.Module], ask: Callable[[], R]) -> R:
    """What `ask` gives, while nothing else uses any of these modules.

    In one order whoever asks, so that of two who want the same modules none waits for the other.
    """
    return _held_by(sorted({unwrap(module) for module in modules}, key=id), ask)


def _held_by(modules: Sequence[nn.Module], ask: Callable[[], R], before: Sequence[nn.Module] = ()) -> R:
    """Locks of modules are taken first, that of the random numbers last."""
    if modules:
        module, *rest = modules
        lock, mark = lock_of(module), _Mark(module)
        with mark, lock, everything_undone(_Before().restore):  # of C, so that no interrupt leaves one locked
            mark.through()
            _thread.held += [lock]
            return _held_by(rest, ask, (*before, module))
    random = nullcontext() if all(module in QUIET for module in before) else random_lock()
    with random, everything_undone(_Before().restore):
        _thread.held += [random]
        return ask()


def held(lock: Lock) -> bool:
    """Whether a method that is alone around this has taken a lock."""
    return lock in _thread.held


class _Before(Modes):
    """What the thread's modes are, and what it holds."""

    def __init__(self) -> None:
        super().__init__()
        self._held = len(_thread.held)

    def restore(self) -> None:
        super().restore()
        del _thread.held[self._held :]


class _Mark:
    """Says that a thread waits for a module."""

    def __init__(self, module: nn.Module) -> None:
        self._module = id(module)

    def __enter__(self) -> None:
        _locks.waiting[threading.get_ident()] = self._module

    def __exit__(self, *error: object) -> None:
        self.through()

    def through(self) -> None:
        """It waits no more."""
        _locks.waiting.pop(threading.get_ident(), None)


@contextmanager
def lent(*modules: nn.Module) -> Iterator[None]:
    """Whoever waits for one of these modules goes first, in this block: between two steps of long work.

    They leave the module as it is, so the work goes on as if nobody had been there.
    """
    modules = tuple(map(unwrap, modules))
    locks = [*map(lock_of, modules), random_lock()]
    depths = [_let_go(lock) for lock in locks]
    try:
        end = time.monotonic() + _PATIENCE
        while any(id(module) in list(_locks.waiting.values()) for module in modules) and time.monotonic() < end:
            time.sleep(0.001)
        yield
    finally:
        for lock, depth in zip(locks, depths, strict=True):
            for _ in range(depth):
                lock.acquire()


def _let_go(lock: Lock) -> int:
    """Release a lock as often as this thread holds it, which is given."""
    depth = 0
    with suppress(RuntimeError):  # once it is not held any more
        while True:
            lock.release()
            depth += 1
    return depth
