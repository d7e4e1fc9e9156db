"""Which parts of a module are watched, under which names, and whether hooks on them are heard."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from ...network.isolation.parts import parts_of, unwrap

_PASSING = (nn.Identity, nn.Flatten, nn.Dropout, nn.modules.dropout._DropoutNd)  # what has nothing of its own to say
_AROUND = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def innermost(module: nn.Module) -> nn.Module:
    """The user's own module, without what `torch.compile` and the parallel ones put around it."""
    inner = unwrap(module)
    while isinstance(inner, _AROUND):
        inner = unwrap(inner.module)
    return inner


def watched_layers(module: nn.Module) -> dict[str, nn.Module]:
    """The layers of a module by name: parts without parts, and those that have weights of their own."""
    found = {name.replace("_orig_mod.", ""): part for name, part in module.named_modules()}
    return {name or type(part).__name__: part for name, part in found.items() if _is_layer(part)}


def own_weights(layers: dict[str, nn.Module]) -> dict[str, list[nn.Parameter]]:
    """The weights of each layer that has any; one that several share is the first one's."""
    seen = set[int]()
    return {name: found for name, part in layers.items() if (found := list(_new(part, seen)))}


def is_compiled(module: nn.Module) -> bool:
    """Whether `torch.compile` has made code of a module or any of its parts, which runs around hooks put on later."""
    parts = parts_of(module)
    return any(part._compiled_call_impl is not None or "_orig_mod" in part._modules for part in parts)


def first_filters(layers: dict[str, nn.Module]) -> tuple[str, nn.Parameter] | None:
    """The first layer that convolves, and its filters (filters, channels, height, width)."""
    for name, part in layers.items():
        weight = getattr(part, "weight", None)
        if isinstance(part, nn.modules.conv._ConvNd) and isinstance(weight, nn.Parameter):
            return name, weight
    return None


def _is_layer(part: nn.Module) -> bool:
    if "_orig_mod" in part._modules or isinstance(part, _PASSING):
        return False
    return not part._modules or any(weight is not None for weight in part._parameters.values())


def _new(part: nn.Module, seen: set[int]) -> Iterator[nn.Parameter]:
    for weight in part._parameters.values():
        if weight is not None and id(weight) not in seen and weight.is_floating_point():
            seen.add(id(weight))
            yield weight
