"""Weights files: safetensors or a state dict of plain tensors. Pickled modules are refused: they can run any code."""

from __future__ import annotations

import os
import pickle
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import safetensors
import torch
from torch import Tensor, nn

from ..base.errors import BadWeights, first_line, nearest
from ..base.paths import is_file
from ..base.plain import from_json


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a weights file by name, and the text metadata a safetensors file may hold."""

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, str]

    def numbers(self, name: str) -> tuple[float, ...] | None:
        """The JSON list of numbers stored under a metadata key, if there is one."""
        text = self.metadata.get(name)
        if text is None:
            return None
        with suppress(ValueError, TypeError):
            values = from_json(text)
            if isinstance(values, list):
                return tuple(float(value) for value in values)
        raise BadWeights(f"{name} in the metadata of {self.path} must be a JSON list of numbers, not {text[:80]!r}.")


def read(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a weights file; raises BadWeights for one that is missing, damaged, or holds anything but tensors."""
    path = Path(path)
    if not is_file(path):
        raise BadWeights(f"There is no weights file {path}. Give 'default', 'none', or the path of a local file.")
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise _damaged(path, error) from error
    checkpoint = _read_safetensors(path) if start[8:9] == b"{" else _read_state_dict(path)
    if checkpoint.metadata.get("channels", "RGB") != "RGB":
        raise BadWeights(
            f"{path} wants {checkpoint.metadata['channels']} channels; only RGB is supported. Reorder its first layer."
        )
    return checkpoint


def load_into(module: nn.Module, checkpoint: Checkpoint) -> frozenset[str]:
    """Put weights into a module and return the names of the layers that the file has none for.

    Raises BadWeights for tensors that the module does not have, or that have another shape.
    """
    own = module.state_dict()
    given = checkpoint.tensors
    unknown = [name for name in given if name not in own]
    if unknown:
        known = f"{len(given) - len(unknown)} of its {len(given)} tensors fit"
        raise BadWeights(
            f"{checkpoint.path} is for another network: {unknown[0]} is not in this one ({known})."
            f"{nearest(unknown[0], own)} Choose the network these weights were trained in."
        )
    for name, tensor in given.items():
        if tensor.shape != own[name].shape:
            raise BadWeights(
                f"{name} in {checkpoint.path} is {tuple(tensor.shape)}, but the network's is {tuple(own[name].shape)}. "
                "Choose the network, and the number of classes, these weights were trained in."
            )
    module.load_state_dict(given, strict=False)
    missing = own.keys() - given.keys()
    return frozenset(name.rpartition(".")[0] for name in missing if not name.endswith("num_batches_tracked"))


def _read_safetensors(path: Path) -> Checkpoint:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
            metadata = file.metadata() or {}
            shared = {name: tensors[kept] for name, kept in metadata.items() if name not in tensors and kept in tensors}
            return Checkpoint(path, _unwrapped(tensors | shared), metadata)  # `save_model` writes what is tied once
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _read_state_dict(path: Path) -> Checkpoint:
    try:
        with path.open("rb") as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error):
            raise BadWeights(
                f"{path} holds pickled Python objects, which can run any code, so it is not opened. "
                "Save the tensors alone: torch.save(module.state_dict(), path), or "
                "safetensors.torch.save_model(module, path)."
            ) from error
        raise _damaged(path, error) from error
    except Exception as error:  # a damaged archive fails in torch's reader in many ways
        raise _damaged(path, error) from error
    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content or not all(isinstance(value, Tensor) for value in content.values()):
        raise BadWeights(f"{path} must hold a state dict, names to tensors, and does not. Save module.state_dict().")
    return Checkpoint(path, _unwrapped(content), {})


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names without what DataParallel puts before them."""
    return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}


def _damaged(path: Path, error: Exception) -> BadWeights:
    reason = first_line(error).partition(". ")[0]  # torch's next sentence advises to load it unsafely
    return BadWeights(f"{path} is not a weights file that can be read ({reason}). Get a whole copy of it.")
