"""What a module's numbers depend on beside its tensors: plain attributes, packed weights, functions, hooks; as text."""

from __future__ import annotations

import enum
import functools
import hashlib
import inspect
import itertools
import random
import types
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .digest import sha256, tensors_of
from .parts import attributes_of
from .user_hooks import is_ours

_ABOUT = frozenset(("pretrained_cfg", "default_cfg"))  # where weights came from
SIMPLE = (type(None), bool, int, float, complex, str, bytes, enum.Enum, torch.dtype, torch.device)
_SIMPLEST = frozenset(SIMPLE[:7])  # looked up first: there are hundreds in a network
_PUBLISHED = ("torch", "torchvision", "timm")  # whose versions tell their code
_DEEPEST = 8


def settings_of(parts: Mapping[str, nn.Module], watching: Collection[int] = ()) -> dict[str, str]:
    """A text for everything of a module's parts that is neither a tensor nor told by its repr, by name.

    Hooks whose numbers are in `watching` change nothing, and are left out.
    """
    return dict(_settings(parts, frozenset(map(id, parts.values())), watching))


def text_of(value: Any) -> str:
    """A text that is another one where a value holds something else."""
    return _text(value, frozenset())


def _settings(
    parts: Mapping[str, nn.Module], known: frozenset[int], watching: Collection[int]
) -> Iterator[tuple[str, str]]:
    for prefix, part in parts.items():
        if isinstance(part, torch.jit.ScriptModule):  # is refused, or a part whose tensors are told
            continue
        for name, value in _attributes(part):
            yield f"{prefix}.{name}", _text(value, known)
        if _is_own(type(part)):  # type: ignore[arg-type]
            yield f"class {_name(type(part))}", f"{_class(type(part))} {_variables(type(part))}"  # type: ignore[arg-type]
        hooks = [*part._forward_pre_hooks.items(), *part._forward_hooks.items()]
        others = (hook for number, hook in hooks if number not in watching and not is_ours(hook))
        for place, hook in enumerate(others):
            yield f"{prefix} hook {place}", _text(hook, known)


@cache
def _is_own(kind: type) -> bool:
    return kind.__module__.partition(".")[0] not in _PUBLISHED


@cache
def _class(kind: type) -> str:
    """The code of a class of a user's own and of those it builds on: another forward, another network."""
    told = "".join(_code(function.__code__) for function in _functions(kind))
    return hashlib.sha256(told.encode()).hexdigest()


def _functions(kind: type) -> list[types.FunctionType]:
    own = [base for base in kind.__mro__ if base.__module__.partition(".")[0] not in (*_PUBLISHED, "builtins")]
    return [value for base in own for value in vars(base).values() if isinstance(value, types.FunctionType)]


def _variables(kind: type) -> str:
    """The plain values that a class holds, and the global ones that its functions name."""
    held = {name: value for name, value in vars(kind).items() if _plain(value) and not name.startswith("__")}
    functions = _functions(kind)
    named = {n: f.__globals__[n] for f in functions for n in f.__code__.co_names if _plain(f.__globals__.get(n, kind))}
    return _text([held, named], frozenset()) if held or named else ""


def _plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_plain, value))
    return type(value) in _SIMPLEST


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
    if isinstance(part.__dict__.get("_packed_params"), torch.ScriptObject):
        yield "_packed_params", part.state_dict()
    given = attributes_of(part)
    if not given:
        return
    made = {name.rpartition("_")[0] for name in part._parameters if name.endswith(("_orig", "_g", "_v"))}
    left = [(name, value) for name, value in given if name not in _ABOUT and name not in made]
    yield from ((name, value) for name, value in left if not isinstance(value, torch.ScriptObject))  # told above


def _text(value: Any, known: frozenset[int], depth: int = 0) -> str:
    """A text that is the same for the same value, in any process; of what cannot be told, its type."""
    if type(value) in _SIMPLEST or isinstance(value, SIMPLE):
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
        owner = getattr(value, "__self__", None)
        bound = "" if owner is None or isinstance(owner, type | types.ModuleType) else _text(owner, known, depth + 1)
        return f"{_function(value, known, depth)} {bound}"
    if isinstance(value, random.Random):
        return hashlib.sha256(repr(value.getstate()).encode()).hexdigest()
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, np.random.RandomState):
        return _text(value.get_state(), known, depth + 1)
    if isinstance(value, torch.Generator):
        return _text(value.get_state(), known, depth + 1)
    if isinstance(value, itertools.count):
        return repr(value)
    held = {**getattr(value, "__dict__", {}), **_slots(value)}
    return f"{_name(type(value))} {_text(held, known, depth + 1) if held else ''}"


def _slots(value: Any) -> dict[str, Any]:
    names = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    return {name: getattr(value, name) for name in names if name[:2] != "__" and hasattr(value, name)}


def _function(value: Callable[..., Any], known: frozenset[int], depth: int) -> str:
    """A function by its name; one without a name of its own by its code, defaults, and what it closes over."""
    inner = inspect.unwrap(getattr(value, "__func__", value))
    code = getattr(inner, "__code__", None)
    if code is None or "<" not in getattr(inner, "__qualname__", ""):
        return _name(inner if hasattr(inner, "__qualname__") else type(inner))
    cells = (cell.cell_contents for cell in inner.__closure__ or () if not _empty(cell))
    told = [_code(code), inner.__defaults__, list(cells)]
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
    return f"{value!r} {hashes} {dict(_settings(parts, known | frozenset(map(id, parts.values())), ()))}"


def _name(value: Any) -> str:
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value)}"
