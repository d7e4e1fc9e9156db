"""A network of one's own, by the Python that makes it: `path/to/file.py:NAME` or `package.module:NAME`.

This runs code, so it is only for what a user named: a command line, or a call of `cs.load`. What is read from a file or
comes over the network must go through `zoo.published`, which never gets here.
"""

from __future__ import annotations

import inspect
import warnings
from contextlib import suppress
from dataclasses import asdict
from types import ModuleType
from typing import Any

from torch import nn

from ..base.errors import BadNetwork, ConvscopeWarning, nearest
from ..network.isolation.randomness import seeded
from ..network.network import Network
from .assemble import assemble
from .importing import FILE, importable, running


def found(reference: str) -> bool:
    """Whether a text names Python: a file that ends in .py, or a module that could be imported. Nothing is run."""
    where, _, _ = reference.rpartition(":")
    return reference.endswith(FILE) or where.endswith(FILE) or importable(where)


def from_python(reference: str, weights: str) -> Network:
    """Run what makes the network: a function, called without arguments, a module, or a Network.

    Random numbers are seeded, so that random weights are always the same. A module is given pictures as ImageNet's
    are, and a warning says so. `weights` is a path, or anything else for what the function returns. Raises BadNetwork,
    which says where the code failed, and BadWeights.
    """
    where, _, name = reference.rpartition(":")
    if not where or not name.isidentifier():
        raise BadNetwork(f"{reference} must say what in it makes the network. Name it: {where or reference}:NAME.")
    with seeded(), running(where) as module:
        made = _called(reference, _named(where, module, name))
    network = _network(reference, made)
    if weights in ("default", "none"):
        return network
    recipe = {**asdict(network.preprocessing), "output": network.output}
    return assemble(network.name, network.module, recipe, weights, network.labels)


def _named(where: str, module: ModuleType, name: str) -> Any:
    if hasattr(module, name):
        return getattr(module, name)
    makers = [known for known, value in vars(module).items() if callable(value) or isinstance(value, nn.Module)]
    raise BadNetwork(f"{where} has no {name!r}.{nearest(name, makers)} Name what makes the network.")


def _called(reference: str, made: Any) -> Any:
    """What was named, or what it makes when it is called."""
    if isinstance(made, nn.Module | Network) or not callable(made):
        return made
    try:
        with suppress(ValueError):  # written in C: nobody knows what it takes
            inspect.signature(made).bind()
    except TypeError as error:
        raise BadNetwork(
            f"{reference} must need no arguments, and called so it is {error}. Name a function that gives them."
        ) from error
    return made()


def _network(reference: str, made: Any) -> Network:
    """A Network of what was made; a copy of one that was, to say where it is from without a word to its holder."""
    if isinstance(made, Network):
        return made.with_module(made.module)
    if not isinstance(made, nn.Module):
        raise BadNetwork(
            f"{reference} must make a torch.nn.Module or a cs.Network, not {type(made).__name__}. Return one."
        )
    network = Network(made)
    height, width = network.preprocessing.size
    warnings.warn(
        f"{reference} makes a module, so pictures are prepared as ImageNet's are, {height} × {width}. For another "
        "size, mean, std or labels let it return a cs.Network.",
        ConvscopeWarning,
        stacklevel=4,
    )
    return network
