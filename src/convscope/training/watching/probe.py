"""The same images shown to the network over and over as it learns: maps, their gradients, codes and answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ...base.errors import BadKnob, ConvscopeError, first_line
from ...network.axes.recording import tensors_in
from ...network.isolation.frozen import frozen
from ...network.isolation.running import device_of, dtype_of, output_tensor, plainly

_BATCH = 256  # images at once
_BYTES = 1 << 14  # of the maps of one layer, a byte a value; at least four channels
_WEIGHTY = (nn.modules.conv._ConvNd, nn.Linear)


@dataclass
class Snapshot:
    """What a network makes of the probe: `codes` (n, d) are what its last layer with weights, `codes_of`, is given.

    `maps` (C, …) are the layers' for the first image, the first channels of large ones, `gradients` (C, …) those of
    `gradient_of`, and `answers` (n, …) what the network puts out.
    """

    codes: Tensor
    answers: Tensor
    codes_of: str
    gradient_of: str
    maps: dict[str, Tensor] = field(default_factory=dict)
    gradients: dict[str, Tensor] = field(default_factory=dict)


class Probe:
    """Images (n, C, H, W) as the module takes them, and their classes (n,) where they are given.

    Nothing is left behind by a look: it is taken in evaluation mode, frozen. Raises BadKnob for anything else, and for
    images that the module cannot take.
    """

    def __init__(self, given: Any) -> None:
        images, targets = given if isinstance(given, tuple | list) and len(given) == 2 else (given, None)
        if not isinstance(images, Tensor) or images.ndim < 2 or not len(images):
            kind = f"{tuple(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
            raise BadKnob(
                f"probe must be a batch of images (n, C, H, W) as the module takes them, or a pair of it and their "
                f"classes (n,), not {kind}. Give some images of the validation set."
            )
        self.images = images.detach().clone()
        self.targets = None if targets is None else torch.as_tensor(targets).detach().clone()
        if self.targets is not None and len(self.targets) != len(images):
            raise BadKnob(
                f"The classes of probe must be as many as its images, {len(images)}, not {len(self.targets)}."
            )

    def look(self, module: nn.Module, layers: dict[str, nn.Module]) -> Snapshot:
        """Show the images to a module; raises BadKnob where it cannot take them."""
        try:
            with frozen(module):
                return self._look(module, layers)
        except (ConvscopeError, RuntimeError, IndexError) as error:
            raise BadKnob(
                f"probe must be images that the module takes, not {tuple(self.images.shape)}: {first_line(error)} "
                "Give a batch as in training."
            ) from error

    def _look(self, module: nn.Module, layers: dict[str, nn.Module]) -> Snapshot:
        codes, answers = list[Tensor](), list[Tensor]()
        place, kind, last = device_of(module), dtype_of(module), ""
        with torch.no_grad():
            for batch in torch.split(self.images, _BATCH):
                with _given_last(layers) as given:
                    x = batch.to(place, kind if batch.is_floating_point() else None)
                    answers.append(output_tensor(plainly(module, x)).float().cpu())
                ((last, x),) = given.items()
                codes.append(_pooled(x).float().cpu())
        snapshot = Snapshot(torch.cat(codes), torch.cat(answers), last, "")
        self._add_maps(snapshot, module, layers, self.images[:1].to(place, kind))
        return snapshot

    def _add_maps(self, found: Snapshot, module: nn.Module, layers: dict[str, nn.Module], x: Tensor) -> None:
        handles = [part.register_forward_hook(_keep(found, name)) for name, part in layers.items()]
        try:
            with torch.enable_grad():
                scores = output_tensor(plainly(module, x.requires_grad_(x.is_floating_point())))
                loss, found.gradient_of = self._loss(scores)
                if loss.requires_grad:
                    torch.autograd.grad(loss, x)
        finally:
            for handle in handles:
                handle.remove()

    def _loss(self, scores: Tensor) -> tuple[Tensor, str]:
        if self.targets is not None and scores.ndim == 2 and not self.targets.is_floating_point():
            target = self.targets[:1].to(scores.device)
            return nn.functional.cross_entropy(scores, target), "cross-entropy of its class"
        return scores.flatten().max(), "the largest output"


def _keep(found: Snapshot, name: str) -> Any:
    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        x = next((t for t in tensors_in([output]) if t.is_floating_point() and t.ndim > 1), None)
        if x is None:
            return
        most = max(4, _BYTES // max(1, x[0, 0].numel()))

        def take(gradient: Tensor) -> None:
            found.gradients[name] = gradient[0, :most].detach().float().cpu()

        found.maps[name] = x[0, :most].detach().clone().float().cpu()  # a layer in place may write over it
        if x.requires_grad:
            x.register_hook(take)  # type: ignore[no-untyped-call]

    return keep


@contextmanager
def _given_last(layers: dict[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """What the layer with weights that runs last is given, by its name."""
    given: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hear(_module: nn.Module, inputs: Any) -> None:
            given.clear()
            given[name] = next(tensors_in([inputs]))

        return hear

    handles = [p.register_forward_pre_hook(keep(name)) for name, p in layers.items() if isinstance(p, _WEIGHTY)]
    try:
        yield given
    finally:
        for handle in handles:
            handle.remove()


def _pooled(x: Tensor) -> Tensor:
    """Codes: means over places."""
    return x.flatten(2).mean(2) if x.ndim > 2 else x
