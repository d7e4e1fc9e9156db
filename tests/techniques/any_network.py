"""Random small modules, and a slow program that reads them: plain PyTorch, hooks, one image at a time."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

import convscope as cs

from .hostile_blocks import BLOCKS, OUTPUT, Codes, Net, conv


@dataclass(frozen=True)
class Case:
    """A module with what is needed to feed it, and the blocks it was made of; the rest is the slow program."""

    blocks: tuple
    size: tuple
    channels: int = 2
    beside: bool = False
    end: str = ""
    returned: str = ""
    seed: int = 0

    def module(self):
        """The module, always the same, in training mode here and there."""
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            blocks = [conv(3, self.channels), *(BLOCKS[name](self.channels) for name in self.blocks)]
            made = Net(blocks, self.channels, self.beside, self.end, self.returned).double()
            for part in made.modules():
                part.training = bool(torch.rand(()) < 0.5)
                if isinstance(part, nn.BatchNorm2d) and part.track_running_stats:
                    part.running_mean.normal_(0, 0.3)
                    part.running_var.uniform_(0.5, 2)
        return made

    def network(self):
        return cs.Network(self.module(), size=self.size, output=OUTPUT[self.returned], name="hostile")

    def image(self, number=0):
        return np.random.default_rng([self.seed, number]).integers(0, 256, (*self.size, 3), dtype=np.uint8)

    def codes(self):
        """The codes of every module's last output, by name."""
        module, (h, w) = self.module(), self.size
        run = Codes({part: name for name, part in module.named_modules()})
        places = 100 * torch.arange(h)[:, None] + torch.arange(w)
        run(module.blocks, (places + 10000 * torch.arange(3)[:, None, None])[None])
        if self.beside:
            run.seen["beside"] = (places[: h - 2, : w - 2] + 10000 * torch.arange(2)[:, None, None])[None]
        return run.seen

    def wanted(self):
        """The layers that can be shown, by name, and their codes; None for vectors."""
        maps = {name: code for name, code in self.codes().items() if showable(code)}
        vectors = ["head", *(["end"] if self.end else []), "logits"]
        return {**maps, **dict.fromkeys(vectors)}


def showable(code):
    """Whether an output holds every place of every channel once."""
    kept = code.flatten()
    return bool((kept >= 0).all()) and len(kept.unique()) == len(kept)


def arranged(raw, code):
    """A module's raw output for one image as (C, H, W), by its codes, or (C,)."""
    if code is None:
        return raw[0]
    flat = code.flatten()
    shape = [len((part).unique()) for part in (flat // 10000, flat % 10000 // 100, flat % 100)]
    return raw.flatten()[flat.argsort()].reshape(shape)


def slowly(case, x, name, instead=None):
    """What a layer puts out for one prepared input (1, 3, H, W), in a fresh copy of the module, by a hook.

    With `instead`, a function, the output is replaced by what it makes of it.
    """
    module, kept = case.module(), {}
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    for part in module.modules():
        part.training = False

    def keep(_module, _inputs, output):
        kept["raw"] = output.clone()

    if name != "logits":
        module.get_submodule(name).register_forward_hook(keep)
    if instead is not None:
        instead(module)
    found = module(x)
    scores = found if case.returned == "" else found[OUTPUT[case.returned]]
    return scores if name == "logits" else kept["raw"]


def value(case, x, unit, codes, instead=None):
    """The value of a unit (name, channel, position or None) for one prepared input."""
    name, channel, position = unit
    found = arranged(slowly(case, x, name, instead), codes[name])[channel]
    return found.sum() if position is None else found[position]


def slope(case, x, unit, codes):
    """The value of a unit and its gradient with respect to one prepared input."""
    leaf = x.detach().clone().requires_grad_()
    found = value(case, leaf, unit, codes)
    return found.item(), torch.autograd.grad(found, leaf)[0][0]


def inner_slope(case, x, unit, codes, layer):
    """A layer's last maps for one prepared input and a unit's gradient with respect to them, if any."""
    leaves = []

    def graft(_module, _inputs, output):
        leaves.append(output.detach().clone().requires_grad_())
        return leaves[-1].clone()

    found = value(
        case, x, unit, codes, lambda module: module.get_submodule(layer).register_forward_hook(graft, prepend=True)
    )
    grad = torch.autograd.grad(found, leaves[-1], allow_unused=True)[0] if found.requires_grad else None
    if grad is None:
        return None
    return arranged(leaves[-1].detach(), codes[layer]), arranged(grad, codes[layer])


def snapshot(module):
    """Everything of a module that a user could notice to be different, by identity and by value."""
    tensors = [*module.named_parameters(), *module.named_buffers()]
    return {
        "tensors": [
            (name, id(t), t._version, t.requires_grad, t.grad, t.detach().numpy().tobytes()) for name, t in tensors
        ],
        "attributes": [
            (name, key, id(held), copy.deepcopy(held) if isinstance(held, list | int | float | str) else None)
            for name, part in module.named_modules()
            for key, held in vars(part).items()
        ],
        "hooks": [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules()],
        "tensors in attributes": [
            held.numpy().tobytes()
            for part in module.modules()
            for held in vars(part).values()
            if isinstance(held, torch.Tensor)
        ],
    }
