"""A plan: the executed graph as steps that run fast, whole or in parts, each knowing what it looks at.

See `docs/how/plan.md`. Packed weights, folded norms and channels last are why occlusion of lite0 takes a 6.8th of
Captum's time although windows save only 1.6× of the multiplications.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ..base.errors import CannotExport, first_line
from ..graph.operators import sliding_windows
from ..graph.spatial_operators import edge
from ..graph.trace import INPUT, Call, Graph, Ref
from ..graph.window import HERE, Reach, Reaches
from .fused_ops import Affine, Clamp, Convolution

Values: TypeAlias = Mapping[str, Any]
BATCH = "number of images"  # a value too, for operations that must know it
CUT = "vector"  # the output of the first of a plan's two parts that the second starts from


@dataclass(frozen=True)
class Step:
    """One or a few calls: from the values `inputs` to the value `name`.

    `whole` computes it from whole maps; `part` from parts of maps that bring along what the step looks at, where
    `reach` says what that is. Beyond the edge of a map lies `edge`. `work` counts the multiplications for a whole map.
    """

    name: str
    inputs: tuple[str, ...]
    whole: Callable[[Values], Any]
    part: Callable[[Sequence[Tensor]], Tensor]
    reach: Reaches | None = None
    edge: float = 0.0
    work: int = 0
    padding: tuple[int, ...] | None = None  # of a step that does nothing else: left, right, top, bottom
    kind: str = "conv2d"
    norm: Affine | None = None  # what a step does that is a norm, with the rectifier after it
    call: Call | None = None  # the call it is, or the first of those that it is
    joined: Convolution | Affine | None = None  # what carries it out, together with calls after the first

    @property
    def gathers(self) -> bool:
        """Whether it needs more than the windows it is given; an operation on one value at each place does not."""
        return self.reach != HERE or len(self.inputs) > 1 or self.padding is not None


@dataclass(frozen=True)
class Plan:
    """The steps in order, which values are which layers, and the (C, H, W) shape of every value."""

    steps: tuple[Step, ...]
    outputs: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]
    start: str = INPUT

    @cached_property
    def readers(self) -> Counter[str]:
        """How many steps, and outputs, need each value."""
        return Counter(name for step in self.steps for name in step.inputs) + Counter(self.outputs.values())

    @classmethod
    def of(cls, graph: Graph, module: nn.Module, dtype: torch.dtype, reversible: bool = False) -> Plan:
        """The plan for a graph with the module's weights as they are now, in numbers of type `dtype`.

        One that is `reversible` joins no clamp: a gradient goes through its bounds, of which the output does not tell.
        """
        weights = graph.weights(module)
        tensors = {n: t.to(dtype) if t.is_floating_point() else t for n, t in weights.items()}
        return cls(tuple(_steps(graph, tensors, {"clamp"} if reversible else set())), graph.outputs, graph.shapes)

    @cached_property
    def parts(self) -> tuple[Plan, Plan]:
        """The plan cut in two: all that works on maps, and the classifier that needs but one vector of it.

        A classifier's large matrices are read once a batch, so it is given more images at once.
        """
        for number, step in enumerate(self.steps, 1):
            head, tail = self.steps[:number], self.steps[number:]
            before = {INPUT, *(other.name for other in head)} - {step.name}
            if len(self.shapes.get(step.name, ())) == 1 and not any(before & set(later.inputs) for later in tail):
                ready = {layer: name for layer, name in self.outputs.items() if name in before or not tail}
                late = {layer: name for layer, name in self.outputs.items() if layer not in ready}
                cut = {CUT: step.name} if late else {}
                return replace(self, steps=head, outputs={**ready, **cut}), Plan(tail, late, self.shapes, step.name)
        return self, Plan((), {}, self.shapes)

    def run(self, x: Tensor, keep: Collection[str] = ()) -> dict[str, Any]:
        """The outputs for whole inputs x, and values to `keep`; others are freed as soon as no step needs them."""
        values: dict[str, Any] = {self.start: x, BATCH: len(x)}
        left = self.readers + Counter(keep)
        for step in self.steps:
            values[step.name] = step.whole(values)
            self.free(step, values, left)
        return values

    def visit(self, x: Tensor, see: Callable[[str, Tensor, Affine | None], bool]) -> None:
        """Show `see` each layer's output as soon as it is there; what no step needs any more is freed.

        Where a norm is all that goes on from a convolution, `see` gets it too, and may carry it out in place when it
        has looked: then it returns True.
        """
        names: dict[str, list[str]] = {}
        for layer, name in self.outputs.items():
            names.setdefault(name, []).append(layer)
        values: dict[str, Any] = {self.start: x, BATCH: len(x)}
        left = self.readers - Counter(self.outputs.values())
        norms = {step.inputs[0]: step for step in self.steps if step.norm and left[step.inputs[0]] == 1}
        for step in self.steps:
            if step.name not in values:  # else it was carried out in place
                values[step.name] = step.whole(values)
            after = norms.get(step.name) if step.work else None
            for layer in names.get(step.name, ()):
                last = after if layer == names[step.name][-1] else None
                if see(layer, values[step.name], last.norm if last else None) and last:
                    values[last.name] = values[step.name]
            self.free(step, values, left)

    def free(self, step: Step, values: dict[str, Any], left: Counter[str]) -> None:
        """Forget what no step after this one needs."""
        for name in step.inputs:
            left[name] -= 1
            if not left[name]:
                del values[name]


def _steps(graph: Graph, tensors: dict[str, Tensor], apart: Collection[str] = ()) -> list[Step]:
    """All calls that depend on the image, convolutions joined with what follows them; the others are computed now.

    Calls of the kinds `apart` are joined with nothing.
    """
    readers = Counter(name for call in graph.calls for name in call.refs) + Counter(graph.outputs.values())
    steps: dict[str, Step] = {}
    growing: dict[str, Convolution | Affine] = {}  # what may take in the next call, by the value it makes so far
    for call in graph.calls:
        values = tuple(dict.fromkeys(name for name in call.refs if name not in tensors))
        if not values:
            tensors[call.name] = call(tensors)
        # Only what nobody else reads may change into what comes after it. The step takes the new value's name.
        elif (
            values[0] in growing
            and readers[values[0]] == 1
            and call.kind not in apart
            and _grows(growing[values[0]], call, tensors)
        ):
            growing[call.name] = growing.pop(values[0])
            steps = {(call.name if n == values[0] else n): step for n, step in steps.items()}  # in its old place
            steps[call.name] = replace(steps[call.name], name=call.name)
        else:
            root, steps[call.name] = _step(call, values, graph, tensors)
            if root is not None:
                growing[call.name] = root
            if isinstance(root, Convolution):
                _absorb(steps, call.name, root, readers)
    return list(steps.values())


def _absorb(steps: dict[str, Step], name: str, convolution: Convolution, readers: Counter[str]) -> None:
    """Let a convolution do the padding with zeros before it: a copy of the map less, and a window less to gather."""
    step = steps[name]
    before = steps.get(step.inputs[0])
    if before is None or before.padding is None or readers[before.name] > 1 or before.edge:
        return
    del steps[before.name]
    convolution.padding = [a + b for a, b in zip(convolution.padding, before.padding, strict=True)]
    assert step.reach is not None
    y, x = (replace(r, before=p) for r, p in zip(step.reach, convolution.padding[2::-2], strict=True))  # top, left
    whole = lambda values: convolution(values[before.inputs[0]])  # noqa: E731
    steps[name] = replace(step, inputs=before.inputs, whole=whole, reach=(y, x))


def _step(
    call: Call, values: tuple[str, ...], graph: Graph, tensors: Mapping[str, Tensor]
) -> tuple[Convolution | Affine | None, Step]:
    if call.kind == "sym_size":  # only the number of images is not known before
        return None, Step(call.name, (), lambda values: values[BATCH], lambda parts: parts[0], kind=call.kind)
    found = sliding_windows(call, graph, tensors)
    needed = {name: tensors[name] for name in call.refs if name in tensors}
    if call.kind == "conv2d" and found is not None:
        convolution = _convolution(call, found, graph, tensors)
        work = math.prod(graph.shapes[call.name]) * tensors[call.args[1].name][0].numel()
        whole = lambda values: convolution(values[call.args[0].name])  # noqa: E731
        part = lambda parts: convolution(parts[0], padded=True)  # noqa: E731
        return convolution, Step(call.name, values, whole, part, found, work=work, call=call, joined=convolution)
    if call.kind == "batch_norm" and found == HERE:
        affine = Affine(*_affine(call, tensors))
        whole = lambda values: affine(values[call.args[0].name])  # noqa: E731
        part = lambda parts: affine(parts[0])  # noqa: E731
        return affine, Step(
            call.name, values, whole, part, found, kind=call.kind, norm=affine, call=call, joined=affine
        )
    # traced in PyTorch's default layout; here maps are channels last, of which there may be no such view
    run = replace(call, op=torch.ops.aten.reshape.default) if call.kind in ("view", "_unsafe_view") else call
    part = _part(call, values, needed)
    padding = tuple(call.args[1]) if found is not None and call.kind in ("pad", "constant_pad_nd") else None
    whole = lambda values: run({**needed, **values})  # noqa: E731
    return None, Step(call.name, values, whole, part, found, edge(call), padding=padding, kind=call.kind, call=call)


def _part(call: Call, values: tuple[str, ...], needed: Mapping[str, Tensor]) -> Callable[[Sequence[Tensor]], Tensor]:
    """How to compute a call from parts of its inputs that bring along what lies beyond their edges."""
    if call.kind in ("pad", "constant_pad_nd"):
        return lambda parts: parts[0]
    if call.kind in ("max_pool2d", "avg_pool2d"):  # the same without its padding, and without rounding its size up
        defaults: tuple[Any, ...] = (None, None, [], 0, 1)
        stride, _, dilation = [*call.args, *defaults[len(call.args) :]][2:5]
        further = (0, dilation) if call.kind == "max_pool2d" else ()
        bare = replace(call, args=(*call.args[:2], stride, *further), kwargs={})
        return lambda parts: bare({values[0]: parts[0]})
    return lambda parts: call({**needed, **dict(zip(values, parts, strict=True))})


def _convolution(call: Call, found: Reaches, graph: Graph, tensors: Mapping[str, Tensor]) -> Convolution:
    weight, bias = tensors[call.args[1].name], call.args[2] if len(call.args) > 2 else None
    inputs, outputs = graph.shapes[call.args[0].name], graph.shapes[call.name]
    top, bottom = found[0].before, found[0].after(inputs[1], outputs[1])
    left, right = found[1].before, found[1].after(inputs[2], outputs[2])
    groups = inputs[0] // weight.shape[1]
    y, x = found
    return Convolution(
        weight,
        tensors[bias.name] if isinstance(bias, Ref) else None,
        (y.stride, x.stride),
        _evened(left, right, x) + _evened(top, bottom, y),
        (y.dilation, x.dilation),
        groups,
    )


def _evened(before: int, after: int, reach: Reach) -> tuple[int, int]:
    """Padding that is the same on both sides where that changes nothing, since kernels take only such.

    With stride 2 the last window often ends at the map's edge: one place of padding more there makes no further window.
    """
    return (before, before) if before - reach.stride < after <= before else (before, after)


def _grows(root: Convolution | Affine, call: Call, tensors: Mapping[str, Tensor]) -> bool:
    """Join a call to the convolution or norm before it, if that can be done."""
    if root.clamp is not None:  # what is cut off cannot be scaled or cut off again by weights before it
        return False
    if call.kind == "batch_norm" and not call.args[5] and isinstance(root, Convolution):
        root.normalized(*_affine(call, tensors))
        return True
    root.clamp = _clamp(call)
    return root.clamp is not None


def _affine(call: Call, tensors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Scale and shift of a norm that does not train."""
    weight, bias, mean, variance = (tensors[arg.name] if arg is not None else None for arg in call.args[1:5])
    assert mean is not None and variance is not None
    scale = (variance + call.args[7]).rsqrt()
    scale = scale if weight is None else scale * weight
    return scale, -mean * scale if bias is None else bias - mean * scale


def _clamp(call: Call) -> Clamp | None:
    """The rectifier a call is, or None."""
    bounds = {"relu": (0.0, math.inf), "relu6": (0.0, 6.0), "hardtanh": (-1.0, 1.0), "clamp": (-math.inf, math.inf)}
    if call.kind not in bounds or not all(isinstance(arg, int | float) for arg in call.args[1:]):
        return None
    low, high = [*call.args[1:3], *bounds[call.kind][len(call.args) - 1 :]][:2]
    return Clamp(float(low), float(high))


@contextmanager
def exportable() -> Iterator[None]:
    """Turn what an operation of the graph raises, such as one that does not know bfloat16, into CannotExport."""
    try:
        yield
    except (RuntimeError, TypeError, ValueError) as error:
        raise CannotExport(f"The graph cannot be run: {first_line(error)}.") from error
