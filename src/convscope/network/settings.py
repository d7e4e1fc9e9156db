"""What a module's numbers depend on beside its tensors: plain attributes, packed weights, functions, hooks; as text."""

from __future__ import annotations

import enum
import functools
import hashlib
import inspect
import random
import types
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .attributes import OWN, PLAIN
from .digest import sha256, tensors_of

_ABOUT = frozenset(("pretrained_cfg", "default_cfg"))  # where weights came from
_SIMPLE = (type(None), bool, int, float, complex, str, bytes, enum.Enum, torch.dtype, torch.device)
_SIMPLEST = frozenset(_SIMPLE[:7])  # looked up first: there are hundreds in a network
_PUBLISHED = ("torch", "torchvision", "timm")  # whose versions tell their code
_DEEPEST = 8


def settings_of(parts: Mapping[str, nn.Module]) -> dict[str, str]:
    """A text for everything of a module's parts that is neither a tensor nor told by its repr, by name."""
    return dict(_settings(parts, frozenset(map(id, parts.values()))))


def _settings(parts: Mapping[str, nn.Module], known: frozenset[int]) -> Iterator[tuple[str, str]]:
    for prefix, part in parts.items():
        for name, value in _attributes(part):
            yield f"{prefix}.{name}", _text(value, known)
        if type(part).__module__.partition(".")[0] not in _PUBLISHED:
            yield f"class {_name(type(part))}", _class(type(part))  # type: ignore[arg-type]
        for hook in (*part._forward_pre_hooks.values(), *part._forward_hooks.values()):
            yield f"{prefix} hook", _function(hook, known, 0)


@cache
def _class(kind: type) -> str:
    """The code of a class of a user's own and of those it builds on: another forward, another network."""
    own = [base for base in kind.__mro__ if base.__module__.partition(".")[0] not in (*_PUBLISHED, "builtins")]
    functions = [value for base in own for value in vars(base).values() if isinstance(value, types.FunctionType)]
    told = "".join(_code(function.__code__) for function in functions)
    return hashlib.sha256(told.encode()).hexdigest()


def _code(code: types.CodeType) -> str:
    constants = [_constant(constant) for constant in code.co_consts[_docstring(code) :]]
    return f"{code.co_code.hex()} {constants} {code.co_names} {code.co_varnames}"


def _constant(value: Any) -> str:
    if isinstance(value, types.CodeType):
        return _code(value)
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _docstring(code: types.CodeType) -> int:
    """How many of a function's first constants say what it does."""
    return int(bool(code.co_consts) and isinstance(code.co_consts[0], str))


def _attributes(part: nn.Module) -> Iterator[tuple[str, Any]]:
    """Attributes of a part's own; not those that a hook makes anew of parameters (`weight` of `weight_orig`)."""
    if isinstance(getattr(part, "_packed_params", None), torch.ScriptObject):
        yield "_packed_params", part.state_dict()
    if len(part.__dict__) == len(OWN) or type(part) in PLAIN:
        return
    made = {name.rpartition("_")[0] for name in part._parameters if name.endswith(("_orig", "_g", "_v"))}
    for name, value in part.__dict__.items():
        if name not in OWN and name not in _ABOUT and name not in made:
            yield name, value


def _text(value: Any, known: frozenset[int], depth: int = 0) -> str:
    """A text that is the same for the same value, in any process; of what cannot be told, its type."""
    if type(value) in _SIMPLEST or isinstance(value, _SIMPLE):
        return repr(value)
    if isinstance(value, Tensor):
        return sha256(value.detach())
    if isinstance(value, np.ndarray | np.generic):
        return f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if depth > _DEEPEST:
        return _name(type(value))
    if isinstance(value, nn.Module):
        return _name(type(value)) if id(value) in known else _module(value, known)
    if isinstance(value, Mapping):
        return _joined("{}", (f"{_text(k, known, depth + 1)}: {_text(v, known, depth + 1)}" for k, v in value.items()))
    if isinstance(value, list | tuple | deque):
        return _joined("[]", (_text(item, known, depth + 1) for item in value))
    if isinstance(value, set | frozenset):
        return _joined("{}", sorted(_text(item, known, depth + 1) for item in value))
    return _object(value, known, depth)


def _joined(brackets: str, texts: Any) -> str:
    return f"{brackets[0]}{', '.join(texts)}{brackets[1]}"


def _object(value: Any, known: frozenset[int], depth: int) -> str:
    if isinstance(value, functools.partial):
        return f"partial {_text([value.func, value.args, value.keywords], known, depth + 1)}"
    if isinstance(value, types.FunctionType | types.MethodType | types.BuiltinFunctionType | type):
        return _function(value, known, depth)
    if isinstance(value, random.Random):
        return hashlib.sha256(repr(value.getstate()).encode()).hexdigest()
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    held = getattr(value, "__dict__", {})
    return f"{_name(type(value))} {_text(held, known, depth + 1) if held else ''}"


def _function(value: Callable[..., Any], known: frozenset[int], depth: int) -> str:
    """A function by its name; one without a name of its own by its code, and the plain values it closes over."""
    inner = inspect.unwrap(getattr(value, "__func__", value))
    code = getattr(inner, "__code__", None)
    if code is None or "<" not in getattr(inner, "__qualname__", ""):
        return _name(inner if hasattr(inner, "__qualname__") else type(inner))
    cells = (cell.cell_contents for cell in inner.__closure__ or () if not _empty(cell))
    plain = [cell for cell in cells if isinstance(cell, (*_SIMPLE, Tensor, types.FunctionType))]
    told = [_code(code), inner.__defaults__, plain]
    return f"{_name(inner)} {_text(told, known, depth + 1)}"


def _empty(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return True
    return False


def _module(value: nn.Module, known: frozenset[int]) -> str:
    """A module that is no registered part, such as those in a plain list, with all that it holds."""
    parts = dict(value.named_modules())
    hashes = {name: sha256(tensor.detach()) for name, tensor in tensors_of(value, parts).items()}
    return f"{value!r} {hashes} {dict(_settings(parts, known | frozenset(map(id, parts.values()))))}"


def _name(value: Any) -> str:
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value)}"
