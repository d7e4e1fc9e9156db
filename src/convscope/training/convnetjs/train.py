"""A plain loop that trains a small network, recorded: copy it, and change what you like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import safetensors.torch
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ...base.errors import BadKnob
from ...base.files import write
from ...base.progress import Work
from ...contract import knobs
from ...network.isolation.randomness import seeded
from ...network.network import Network
from ..recorder import Recorder
from . import networks
from .training_set import TrainingSet, training_set

_NETWORKS = {"mnist": networks.mnist, "cifar10": networks.cifar10}
_WIDTHS = {"mnist": 28, "cifar10": 32}  # of the pictures, of which the network sees a part
_DECAY = {"mnist": 1e-3, "cifar10": 1e-4}
_HELD = 500  # pictures of the probe at most
_EVERY = 100  # steps from one measurement on pictures held out to the next


@knobs.checked
def train(
    name: str,
    source: str | None,
    folder: str | Path,
    *,
    steps: Annotated[int, Field(ge=1, description="batches to train on")] = 2000,
    batch_size: Annotated[int, Field(ge=1, description="images a batch")] = 20,
    learning_rate: Annotated[float, Field(gt=0, description="of Adadelta, which finds its own step sizes")] = 1.0,
    budget: Annotated[float, Field(gt=0, le=1, description="share of the time for the recorder")] = 0.05,
    seed: Annotated[int, Field(ge=0, description="for weights, batches and crops")] = 0,
    show: Annotated[bool, Field(description="open a page to watch, pause and steer it")] = False,
) -> dict[str, Any]:
    """Train the network of a ConvNetJS demo, `mnist` or `cifar10`, and record how it learns.

    `folder` gets the record, the weights, and `network.py`, by which other commands open them; what was there from an
    earlier training is replaced, but for its record, which goes on. Every tenth picture is held out; how well these are
    taken for what they are is told every hundred steps. `show` opens the page of the training. Ends early, with
    all of that, where a listener of the progress raises Cancelled. Raises BadKnob for another name, and BadSource.
    """
    if name not in _NETWORKS:
        raise BadKnob(f"name must be mnist or cifar10, not {name!r}.")
    net, data = _begin(name, source, seed)
    random = torch.Generator().manual_seed(seed)
    held = torch.arange(len(data.targets)) % 10 == 0
    images, classes = data.values[~held], data.targets[~held]
    unseen, answers = _seen(data.values[held], name, None), data.targets[held]

    module = net.module.train()
    biases = [weight for weight in module.parameters() if weight.ndim == 1]
    weights = [weight for weight in module.parameters() if weight.ndim > 1]
    groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": _DECAY[name]}, {"params": biases}]
    optimizer = torch.optim.Adadelta(groups, lr=learning_rate, rho=0.95)
    probe = unseen[:_HELD], answers[:_HELD]
    record = Path(folder, "record")
    with Recorder(net, optimizer, folder=record, probe=probe, budget=budget, show=show, steered=True) as recorder:
        work = Work(range(steps))
        for _ in work:
            chosen = torch.randint(len(images), (batch_size,), generator=random)
            x, y = _seen(images[chosen], name, random), classes[chosen]
            scores = module(x)
            loss = cross_entropy(scores, y)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            held_out = _measured(module, *probe) if recorder.steps % _EVERY == 0 else {}
            recorder.step(loss=loss, accuracy=(scores.argmax(1) == y).float().mean(), **held_out)

    module.eval()
    with torch.no_grad():
        right = (module(unseen).argmax(1) == answers).float().mean()
    _save(net, Path(folder))
    told = {"network": name, "source": data.told, "steps": work.done, "recorded": recorder.steps}
    return {**told, "loss": float(loss.detach()), "accuracy": float(right), "of": len(answers), **work.evidence}


@torch.no_grad()
def _measured(module: nn.Module, images: Tensor, classes: Tensor) -> dict[str, Tensor]:
    """Loss and accuracy on pictures held out."""
    module.eval()
    scores = module(images)
    module.train()
    right = (scores.argmax(1) == classes).float().mean()
    return {"val_loss": cross_entropy(scores, classes), "val_accuracy": right}


def _begin(name: str, source: str | None, seed: int) -> tuple[Network, TrainingSet]:
    """The network with its first weights, and pictures for it."""
    channels = 1 if name == "mnist" else 3
    data = training_set(source, _WIDTHS[name], channels)
    with seeded(seed=seed):
        return _NETWORKS[name](data.classes), data


def _seen(images: Tensor, name: str, random: torch.Generator | None) -> Tensor:
    """What the network is given of pictures: crops at random places, or the middle; those of CIFAR-10 shifted.

    And half of these mirrored, as in the demos.
    """
    if name == "mnist":
        y, x = (2, 2) if random is None else torch.randint(5, (2,), generator=random).tolist()
        return images[:, :, y : y + 24, x : x + 24]
    images = images - 0.5
    if random is None:
        return images
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    y, x = torch.randint(5, (2,), generator=random).tolist()
    moved = padded[:, :, y : y + 32, x : x + 32]
    mirrored = torch.rand(len(images), generator=random) < 0.5
    return torch.where(mirrored[:, None, None, None], moved.flip(3), moved)


_OPENS = '''"""A network that `convscope train {name}` has trained. Open it: convscope explore network.py:net"""

from pathlib import Path

import safetensors.torch

from convscope.training.convnetjs.networks import {name}


def net():
    made = {name}({labels!r})
    safetensors.torch.load_model(made.module, Path(__file__).with_name("weights.safetensors"))
    made.module.eval()
    return made
'''


def _save(net: Network, folder: Path) -> None:
    labels = [str(label) for label in net.labels]
    write(folder / "weights.safetensors", safetensors.torch.save(net.module.state_dict()))
    write(folder / "network.py", _OPENS.format(name=net.name, labels=labels).encode())
