"""The gradient of a pinned unit in any layer before it, as the grid shows it."""

from __future__ import annotations

import numpy as np
import pytest

import convscope as cs
from convscope.explorer.answers import activations
from convscope.explorer.workspace.frame import decode
from convscope.explorer.workspace.messages import Look
from convscope.explorer.workspace.workspace import Workspace


def test_the_maps_are_the_units_gradient_within_a_step_of_the_bytes(workspace: Workspace, tiny: cs.Network) -> None:
    image = workspace.pictures.images()[0].id
    _, arrays = decode(
        activations.look(workspace, Look(network="tiny", layer="0", image=image, side=112, traced="logits:2"))
    )
    x = tiny.prepare(workspace.image(image))
    leaf = tiny.module[0](x).detach().requires_grad_()
    tiny.module[1:](leaf)[0, 2].backward()
    assert leaf.grad is not None
    wanted = leaf.grad[0].numpy()
    span = (arrays["high"] - arrays["low"])[:, None, None]
    shown = arrays["low"][:, None, None] + arrays["tiles"] / 255 * span
    assert np.abs(shown - wanted).max() <= span.max() / 255 and span.max() > 0


@pytest.mark.parametrize("layer", ["input", "logits"])
def test_at_the_ends_of_the_network_there_is_none(workspace: Workspace, layer: str) -> None:
    with pytest.raises(cs.ConvscopeError, match="A gradient must be at a layer between"):
        activations.look(
            workspace,
            Look(network="tiny", layer=layer, image=workspace.pictures.images()[0].id, traced="logits:2"),
        )


def test_a_layer_behind_the_unit_has_none(workspace: Workspace) -> None:
    with pytest.raises(cs.ConvscopeError, match="does not depend on"):
        activations.look(
            workspace, Look(network="tiny", layer="3", image=workspace.pictures.images()[0].id, traced="0:1")
        )
