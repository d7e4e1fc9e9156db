"""Looking at pictures through a network, many times and fast: frozen, as deep as is needed, norms folded in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint, set_checkpoint_early_stop

from ..base.errors import ForwardFailed
from ..network.backward.backward_rules import Rectifiers
from ..network.backward.gradient import backward
from ..network.isolation.frozen import call, frozen
from ..network.isolation.parts import unwrap
from ..network.isolation.running import device_of, dtype_of, plainly
from ..network.layers import taps
from ..network.network import Network
from .exact_sums import Exact
from .norm_folding import Folded, Listening
from .redirected import redirected

Precision = Literal["auto", "fp32", "bf16"]


class FeatureExtractor:
    """What layers of a network make of pictures, (N, C, H, W) from 0 to 1; use it inside `looking`."""

    def __init__(self, net: Network, layers: Sequence[str], precision: Precision) -> None:
        self.net, self.layers = net, tuple(layers)
        self.device, self.dtype = device_of(net.module), dtype_of(net.module)
        self.half = precision == "bf16" or (precision == "auto" and half_is_fast(self.device))
        self._calls = {name: net.layers[name].calls for name in layers}
        self._folded: Folded | None = None
        color = net.preprocessing.mean, net.preprocessing.std
        self._mean, self._std = (torch.tensor(v, device=self.device).reshape(-1, 1, 1) for v in color)

    def __call__(self, pictures: Tensor, redirect: bool = False) -> dict[str, Tensor]:
        """The layers' tensors in float32; with `redirect`, gradients go through closed rectifiers too."""
        found = self.prepared((pictures - self._mean) / self._std, redirect)
        return {name: tensor.float() for name, tensor in found.items()}

    def prepared(self, x: Tensor, redirect: bool = False) -> dict[str, Tensor]:
        """The same of what is normalized already, in the numbers that the layers put out."""
        x = x.to(self.dtype).contiguous(memory_format=torch.channels_last)
        if self._folded is None:
            self._folded = self._listen(x)
        with ExitStack() as stack:
            if self.half:
                stack.enter_context(torch.autocast(self.device.type, dtype=torch.bfloat16))
                stack.enter_context(Exact())
            stack.enter_context(self._folded)
            stack.enter_context(Rectifiers(redirected) if redirect else nullcontext())
            found = self._forward(x)
        return {name: self.net.arranged(name, tensor) for name, tensor in found.items()}

    def in_parts(self, pictures: Tensor, at_once: int, redirect: bool = False) -> dict[str, Tensor]:
        """The same, no more than `at_once` in one pass; for gradients each part is then looked at once more."""
        if len(pictures) <= at_once:
            return self(pictures, redirect)
        with set_checkpoint_early_stop(False):
            parts = [
                checkpoint(self, part, redirect, use_reentrant=False, preserve_rng_state=False)
                for part in torch.split(pictures, at_once)
            ]
        return {name: torch.cat([part[name] for part in parts]) for name in self.layers}

    def takes(self, size: tuple[int, int]) -> bool:
        """Whether the network can be shown pictures of this height and width."""
        try:
            with torch.no_grad():
                self(torch.zeros(1, self.net.preprocessing.channels, *size, device=self.device))
        except ForwardFailed:
            return False
        return True

    def _forward(self, x: Tensor) -> dict[str, Tensor]:
        run = call if self.net.stateful else plainly  # else one look would begin where the last one ended
        return taps.forward(unwrap(self.net.module), x, self._calls, self.net.output, run)

    def _listen(self, x: Tensor) -> Folded:
        heard = Listening()
        with torch.no_grad(), heard:
            heard.reads(*self._forward(x[:1]).values())
        return Folded(heard)


@contextmanager
def looking(net: Network, layers: Sequence[str], precision: Precision = "auto") -> Iterator[FeatureExtractor]:
    """Reads these layers, with the network frozen inside the block; raises BadWeights where they are untrained."""
    net.check_trained(layers)
    with torch.inference_mode(False), torch.enable_grad(), frozen(unwrap(net.module), channels_last=True):
        yield FeatureExtractor(net, layers, precision)


def half_is_fast(device: torch.device) -> bool:
    """Whether bfloat16 is worth it: on a GPU that has it, and on processors with matrix units (AMX)."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    asked: Any = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return device.type == "cpu" and asked is not None and bool(asked())


def painting(net: Network, chosen: Precision) -> Precision:
    """By itself bf16 also where a processor multiplies it in pairs only: for steps that roundings do no harm to."""
    asked: Any = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    paired = device_of(net.module).type == "cpu" and asked is not None and bool(asked())
    return "bf16" if chosen == "auto" and paired else chosen


def along(pictures: Tensor, value_of: Callable[[Tensor], Tensor], what: str) -> tuple[Tensor, Tensor]:
    """A value of pictures, (N,), and its slope along them; raises ForwardFailed where it has none."""
    with torch.enable_grad():
        leaf = pictures.detach().requires_grad_()
        values = value_of(leaf)
        found = backward(values, leaf) if values.requires_grad else None
    if found is None:
        raise ForwardFailed(
            f"{what} has no gradient: its module puts out what does not depend on the picture in a way that can be "
            "differentiated. Choose a layer before it."
        )
    return values.detach(), found
