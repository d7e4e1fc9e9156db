"""The executed graph: the operations of one forward, in order, whatever modules, functions and methods made them.

Found by `torch.export`. One graph serves exact occlusion, receptive fields and all that must know what flows where.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, fx, nn

from ..base.errors import CannotExport, first_line
from ..network.isolation.frozen import frozen
from ..network.isolation.parts import unwrap
from ..network.isolation.quiet import quiet
from ..network.isolation.running import device_of, dtype_of
from ..network.isolation.user_hooks import leave_out
from ..network.layers import taps
from .inlining import inline

if TYPE_CHECKING:
    from ..network.network import Family, Network

INPUT = "input"


@dataclass(frozen=True)
class Ref:
    """In the arguments of a call: the value that another call makes, or a tensor of the module."""

    name: str


Op: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class Call:
    """One operation: `name` is the value it makes; `args` and `kwargs` hold numbers and Refs."""

    name: str
    op: Op
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    @cached_property
    def kind(self) -> str:
        """The operation's name, without overload and without the underscore of those in place: `conv2d`."""
        return str(getattr(self.op, "_opname", getattr(self.op, "__name__", self.op))).rstrip("_")

    @property
    def named(self) -> dict[str, Any]:
        """The arguments by name, defaults too."""
        arguments = self.op._schema.arguments  # type: ignore[attr-defined]
        defaults = {argument.name: argument.default_value for argument in arguments}
        return {**defaults, **dict(zip(defaults, self.args, strict=False)), **self.kwargs}

    @cached_property
    def refs(self) -> list[str]:
        """Every value and tensor among the arguments, in order."""
        return [ref.name for ref in _leaves([*self.args, *self.kwargs.values()]) if isinstance(ref, Ref)]

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """The operation's value, given those of its Refs."""
        args = [_filled(arg, values) for arg in self.args]
        return self.op(*args, **{name: _filled(arg, values) for name, arg in self.kwargs.items()})


@dataclass(frozen=True)
class Graph:
    """The calls in order, `input` being the image; `outputs` says which value is which layer; `shapes` (C, H, W)."""

    calls: tuple[Call, ...]
    outputs: Mapping[str, str]
    tensors: Mapping[str, str | Tensor]
    shapes: Mapping[str, tuple[int, ...]]

    def up_to(self, layers: tuple[str, ...]) -> Graph:
        """The part that some of its layers depend on."""
        ends = {name: self.outputs[name] for name in layers}
        return replace(self, calls=tuple(_needed(self.calls, ends.values())), outputs=ends)

    def weights(self, module: nn.Module) -> dict[str, Tensor]:
        """The module's tensors, as they are now, by the names the calls use."""
        live = dict([*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)])
        return {n: live[t].detach() if isinstance(t, str) else t for n, t in self.tensors.items()}


_Known: TypeAlias = dict[tuple[str, ...], Graph]  # by the layers it goes up to
_GRAPHS: WeakKeyDictionary[Family, dict[object, _Known]] = WeakKeyDictionary()  # by the structure of the module


def executed(net: Network, *layers: str) -> Graph:
    """The graph up to some layers, found once for as long as the module's structure stays as it is; see `trace`.

    When other layers are asked for later, all of them are traced together, and each graph is a part of that one.
    """
    form = repr(unwrap(net.module)), dtype_of(net.module)
    known = _GRAPHS.setdefault(net.family, {}).setdefault(form, {})
    if layers not in known:
        known[layers] = _part(net, known, layers) if known else trace(net, *layers)
    return known[layers]


def _part(net: Network, known: _Known, layers: tuple[str, ...]) -> Graph:
    every = tuple(net.layers.including(*layers))
    if every not in known:
        try:
            known[every] = trace(net, *every)
        except CannotExport:  # for a layer that is not asked for, it may be
            return trace(net, *layers)
    return known[every].up_to(layers)


def trace(net: Network, *layers: str) -> Graph:
    """The graph of a forward, as far as some of `layers` depends on it.

    Raises CannotExport where `torch.export` cannot follow the module, or its result would hold for one batch size only.
    """
    module = unwrap(net.module)
    traced = _Traced(module, {name: net.layers[name].calls for name in layers}, net.output)
    height, width = net.preprocessing.size
    x = torch.zeros(2, net.preprocessing.channels, height, width, **_like(module))
    try:
        with torch.inference_mode(False), torch.no_grad(), frozen(module), quiet():
            leave_out(module, net.watching)
            batch = {"x": {0: torch.export.Dim.AUTO}}
            program = torch.export.export(traced, (x,), dynamic_shapes=batch, strict=False)
        return _graph(program, layers)
    except Exception as error:
        reason = str(error) if isinstance(error, CannotExport) else first_line(error)
        raise CannotExport(f"{net.name} cannot be exported: {reason}.") from error


class _Traced(nn.Module):
    """What is exported: from the image to the tensors at some layers."""

    def __init__(self, inner: nn.Module, calls: Mapping[str, int], output: str | int | None) -> None:
        super().__init__()
        self.inner = inner
        self._wanted, self._output = dict(calls), output

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        to_the_end = {**self._wanted, taps.END: 1}  # export cannot follow a forward that ends early
        found = taps.forward(self.inner, x, to_the_end, self._output, run=_plainly)
        return tuple(found[name] for name in self._wanted)


def _plainly(module: nn.Module, x: Tensor) -> Any:
    return module(x)


def _graph(program: Any, layers: tuple[str, ...]) -> Graph:
    signature, graph = program.graph_signature, cast(Any, inline(program.graph_module))
    stored = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    tensors: dict[str, str | Tensor] = {n: t.removeprefix("inner.") for n, t in stored.items()}
    tensors |= {n: program.constants[t] for n, t in signature.inputs_to_lifted_tensor_constants.items()}
    (image,) = signature.user_inputs
    names = {node.name: node.name for node in graph.nodes} | {image: INPUT}
    shapes = {names[node.name]: _shape(node) for node in graph.nodes if node.name not in tensors}
    calls = []
    for node in graph.nodes:
        if node.op != "call_function":
            continue
        call = _call(node, names)
        if _changes_nothing(call):
            names[node.name] = call.refs[0]
        else:
            calls.append(call)
        if _in_place(node):
            _check_alone(node)
            names[node.args[0].name] = names[node.name]  # whoever reads what was changed from here on reads the result
    ends = [names[node.name] for node in graph.output_node().args[0]]
    if any(_is_number(shapes[name][0]) for name in (INPUT, *ends)):
        raise CannotExport("its graph holds for one batch size only")
    sizes = {name: tuple(int(n) for n in shape[1:]) for name, shape in shapes.items() if len(shape) > 1}
    return Graph(tuple(_needed(calls, ends)), dict(zip(layers, ends, strict=True)), tensors, sizes)


def _needed(calls: Sequence[Call], ends: Iterable[str]) -> list[Call]:
    """The calls that some end depends on."""
    wanted, kept = set(ends), []
    for call in reversed(calls):
        if call.name in wanted:
            kept.append(call)
            wanted.update(call.refs)
    return kept[::-1]


def _call(node: fx.Node, names: Mapping[str, str]) -> Call:
    """A node as a call; an operation in place becomes the one that makes a new value."""
    op: Any = node.target
    if _in_place(node):
        op = getattr(getattr(torch.ops.aten, op._opname.rstrip("_")), op._overloadname)
    ref: Any = lambda other: Ref(names[other.name])  # noqa: E731
    args, kwargs = fx.map_arg((node.args, dict(node.kwargs)), ref)
    return Call(node.name, op, tuple(args), kwargs)


def _changes_nothing(call: Call) -> bool:
    """Whether a call gives what it is given: copies, and dropouts that drop nothing."""
    if call.kind in ("dropout", "feature_dropout", "alpha_dropout"):
        return not call.args[2]
    return call.kind in ("clone", "contiguous", "detach", "alias", "lift_fresh_copy")


def _in_place(node: fx.Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and bool(schema.is_mutable)


def _check_alone(node: fx.Node) -> None:
    """Refuse a change in place of what is seen under another name too, such as a part of a tensor."""
    changed = node.args[0]
    assert isinstance(changed, fx.Node)
    for other in {changed, *_views(changed)} - {changed}:
        if any(user > node for user in other.users):
            raise CannotExport(f"{node.target} changes a part of a tensor in place")


def _views(node: fx.Node) -> Iterator[fx.Node]:
    """What a tensor is a view of, and the views of that."""
    base = node
    while _is_view(base):
        base = base.args[0]  # type: ignore[assignment]
    waiting = [base]
    while waiting:
        yield waiting[-1]
        waiting += [user for user in waiting.pop().users if _is_view(user)]


def _is_view(node: fx.Node) -> bool:
    if not node.args or not isinstance(node.args[0], fx.Node):
        return False
    if node.target is operator.getitem or getattr(node.target, "_opname", "") in _LISTS_OF_VIEWS:
        return True
    schema = getattr(node.target, "_schema", None)
    if schema is None or schema.is_mutable or not schema.returns:
        return False
    return schema.returns[0].alias_info is not None


_LISTS_OF_VIEWS = {"chunk", "split", "split_with_sizes", "tensor_split", "unbind", "unsafe_chunk", "unsafe_split"}


def _is_number(size: Any) -> bool:
    """Whether a size is fixed; export may also tie a symbol to one number."""
    return isinstance(size, int) or bool(size.node.expr.is_number)


def _shape(node: fx.Node) -> tuple[Any, ...]:
    return tuple(getattr(node.meta.get("val"), "shape", ()))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _filled(arg: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(arg, Ref):
        return values[arg.name]
    if isinstance(arg, list | tuple):
        return type(arg)(_filled(item, values) for item in arg)
    return arg


def _like(module: nn.Module) -> dict[str, Any]:
    return {"device": device_of(module), "dtype": dtype_of(module)}
