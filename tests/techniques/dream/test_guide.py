"""Guides: which feature suits a position best does not depend on how many are compared at once."""

import pytest
import torch

from convscope.techniques.dream import guide


@pytest.mark.parametrize("pairs", [1, 50, 10**6])
def test_the_nearest_features_are_the_same_however_many_are_compared_at_once(pairs, monkeypatch):
    drawn = torch.Generator().manual_seed(0)
    x, features = (torch.randint(-9, 9, shape, generator=drawn).double() for shape in ((2, 5, 30), (5, 11)))
    monkeypatch.setattr(guide, "_PAIRS", pairs)
    sizes: list[int] = []
    argmax = torch.Tensor.argmax
    monkeypatch.setattr(torch.Tensor, "argmax", lambda self, *a: (sizes.append(self.numel()), argmax(self, *a))[1])
    found = guide.Guided("layer", features)._nearest(x)
    assert max(sizes) <= max(pairs, 2 * 11)
    assert torch.equal(found, torch.einsum("ncp,cf->npf", x, features).max(2).indices)
