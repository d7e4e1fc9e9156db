"""Loops of training of every kind, with and without a recorder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils.checkpoint
from torch import nn

import convscope as cs


def batch(n: int = 16, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Random images and classes that are always the same."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn(n, 1, 8, 8, generator=random), torch.randint(0, 10, (n,), generator=random)


def tiny(seed: int = 0) -> nn.Sequential:
    """A net with all that training changes or draws: buffers, dropout, a layer in place."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout(0.2),
            nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 10),
        )  # fmt: skip


def descend(module: nn.Module, seed: int = 0) -> torch.Tensor:
    """Forward and backward of one batch; gives the loss."""
    x, y = batch(seed=seed)
    found: torch.Tensor = nn.functional.cross_entropy(module(x), y)
    found.backward()
    return found.detach()


Made = Callable[[nn.Module, Any], Any]


def plain(module: nn.Module, made: Made, steps: int = 20) -> None:
    """The loop of every tutorial."""
    optimizer = torch.optim.SGD(module.parameters(), 0.1, momentum=0.9)
    with made(module, optimizer) as recorder:
        for number in range(steps):
            optimizer.zero_grad()
            loss = descend(module, number)
            optimizer.step()
            recorder.step(loss=loss)


def unheard(module: nn.Module, made: Made, steps: int = 20) -> None:
    """A loop that tells the recorder nothing, not even its optimizer."""
    optimizer = torch.optim.AdamW(module.parameters(), 0.01)
    with made(module, None):
        for number in range(steps):
            optimizer.zero_grad()
            descend(module, number)
            optimizer.step()


def accumulating(module: nn.Module, made: Made, steps: int = 20) -> None:
    """Two batches a step."""
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with made(module, optimizer) as recorder:
        for number in range(2 * steps):
            loss = descend(module, number)
            if number % 2:
                optimizer.step()
                optimizer.zero_grad()
            recorder.step(loss=loss)


def mixed_precision(module: nn.Module, made: Made, steps: int = 20) -> None:
    """Autocast and scaled gradients, of which the first step's overflow."""
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    with made(module, optimizer) as recorder:
        for number in range(steps):
            optimizer.zero_grad()
            x, y = batch(seed=number)
            with torch.autocast("cpu", torch.bfloat16):
                loss = nn.functional.cross_entropy(module(x), y)
            scaler.scale(loss * (float("inf") if number == 0 else 1)).backward()
            scaler.step(optimizer)
            scaler.update()
            recorder.step(loss=loss.detach())


def evaluating(module: nn.Module, made: Made, steps: int = 20) -> None:
    """Validation between the steps."""
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with made(module, optimizer) as recorder:
        for number in range(steps):
            optimizer.zero_grad()
            loss = descend(module, number)
            optimizer.step()
            module.eval()
            with torch.no_grad():
                right = (module(batch(seed=99)[0]).argmax(1) == 0).float().mean()
            module.train()
            recorder.step(loss=loss, accuracy=right)


def frozen_parts(module: nn.Module, made: Made, steps: int = 20) -> None:
    """Fine-tuning: the first layers are frozen, and in evaluation mode."""
    assert isinstance(module, nn.Sequential)
    module[:4].requires_grad_(False)
    module[1].eval()
    optimizer = torch.optim.SGD([w for w in module.parameters() if w.requires_grad], 0.1)
    with made(module, optimizer) as recorder:
        for number in range(steps):
            optimizer.zero_grad()
            loss = descend(module, number)
            optimizer.step()
            recorder.step(loss=loss)


def several_optimizers(module: nn.Module, made: Made, steps: int = 20) -> None:
    """Two optimizers, each of a part."""
    assert isinstance(module, nn.Sequential)
    both = [torch.optim.SGD(module[:5].parameters(), 0.1), torch.optim.Adam(module[5:].parameters(), 0.01)]
    with made(module, both) as recorder:
        for number in range(steps):
            for optimizer in both:
                optimizer.zero_grad()
            loss = descend(module, number)
            for optimizer in both:
                optimizer.step()
            recorder.step(loss=loss)


def parallel(module: nn.Module, made: Made, steps: int = 20) -> None:
    """Inside DataParallel."""
    plain(nn.DataParallel(module), made, steps)


def compiled(module: nn.Module, made: Made, steps: int = 20) -> None:
    """What torch.compile made."""
    plain(torch.compile(module, backend="eager"), made, steps)


def compiled_in_place(module: nn.Module, made: Made, steps: int = 20) -> None:
    """Compiled without another module."""
    module.compile(backend="eager")
    plain(module, made, steps)


def by_hand(module: nn.Module, made: Made, steps: int = 20) -> None:
    """No optimizer at all."""
    with made(module, None) as recorder:
        for number in range(steps):
            loss = descend(module, number)
            with torch.no_grad():
                for w in module.parameters():
                    w -= 0.1 * w.grad
                    w.grad = None
            recorder.step(loss=loss)


def second_order(module: nn.Module, made: Made, steps: int = 20) -> None:
    """L-BFGS, which runs the batch several times a step."""
    optimizer = torch.optim.LBFGS(module.parameters(), lr=0.1, max_iter=3)
    with made(module, optimizer) as recorder:
        for number in range(steps):

            def again(seed: int = number) -> torch.Tensor:
                optimizer.zero_grad()
                return descend(module, seed)

            recorder.step(loss=optimizer.step(again))


def checkpointed(module: nn.Module, made: Made, steps: int = 20) -> None:
    """Gradient checkpointing, which repeats the forward pass in the backward pass."""

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, x: torch.Tensor) -> Any:
            return torch.utils.checkpoint.checkpoint(self.inner, x, use_reentrant=False)

    plain(Outer(), made, steps)


LOOPS = (
    plain, unheard, accumulating, mixed_precision, evaluating, frozen_parts, several_optimizers, parallel, compiled,
    compiled_in_place, by_hand, second_order, checkpointed,
)  # fmt: skip


class Nobody:
    """Stands for a recorder where there is none."""

    def step(self, **_: Any) -> None:
        """Hear nothing."""


@contextmanager
def nobody(_module: nn.Module, _optimizer: Any) -> Iterator[Nobody]:
    """No recorder."""
    yield Nobody()


def recording(folder: Any, **knobs: Any) -> Made:
    """A recorder into a folder."""
    return lambda module, optimizer: cs.Recorder(module, optimizer, folder=folder, **knobs)
