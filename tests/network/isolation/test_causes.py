"""Why a module cannot be run: the sentence names the cause, and what it advises works."""

import re

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import ForwardFailed

IMAGE = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)


def body(channels=3):
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.b, self.h = body(), nn.Linear(3, 2)

    def forward(self, x, age):
        return self.h(torch.cat([self.b(x), age], 1))


class OneOfTwo(nn.Module):
    """The advice, followed."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x, x.new_zeros(len(x), 1))


class Wrapped(nn.Module):
    def __init__(self, inner, before):
        super().__init__()
        self.inner, self.before = inner, before

    def forward(self, x):
        return self.inner(self.before(x))


def mixed():
    module = body()
    module[4].double()
    return module


def clips():
    return nn.Sequential(nn.Conv3d(3, 4, 3, padding=1), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 2))


def lazy():
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


def meta():
    with torch.device("meta"):
        return body()


def run_once(module):
    module(torch.zeros(1, 3, 8, 8))
    return module


def loaded(module):
    module = module.to_empty(device="cpu")
    module.load_state_dict(body().state_dict())
    return module


class Fixed(nn.Module):
    """Asks for a dict."""

    def __init__(self):
        super().__init__()
        self.b = body()

    def forward(self, x):
        return self.b(x["image"])


CASES = {
    "two inputs": (Two, "takes more than an image.*'age'.*Wrap it in a module whose forward takes the image", OneOfTwo),
    "types": (mixed, r"several types \(float32, float64\).*module.float\(\)", lambda m: m.float()),
    "channels": (
        lambda: body(4), "first convolution takes 4 channels.*Wrap it in a module that makes them from an RGB image",
        lambda m: Wrapped(m, lambda x: torch.cat([x, x.mean(1, keepdim=True)], 1)),
    ),
    "clips": (
        clips, "clips or volumes.*Wrap it in a module that repeats the image along time",
        lambda m: Wrapped(m, lambda x: x[:, :, None].expand(-1, -1, 4, -1, -1)),
    ),
    "lazy": (lazy, "lazy layers.*Run it once on an image", run_once),
    "meta": (meta, "meta device.*to_empty", loaded),
    "a dict": (Fixed, "takes? something else.*Wrap it", lambda m: Wrapped(m, lambda x: {"image": x})),
    "size": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(64, 2)),
        r"Check that size, \(8, 8\), is what it was made for", lambda m: Wrapped(m, lambda x: x[..., :6, :6]),
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
@pytest.mark.parametrize("case", CASES)
def test_the_sentence_names_the_cause_and_its_advice_works(case):
    make, says, followed = CASES[case]
    module = make()
    with pytest.raises(ForwardFailed) as caught:
        cs.Network(module, size=8).predict(IMAGE)
    assert re.search(says, str(caught.value)), caught.value
    assert str(caught.value).count("Check that size") == (case == "size")
    assert len(cs.Network(followed(module), size=8).predict(IMAGE)) == 2


def test_grey_networks_are_told_of_by_mean_and_std():
    with pytest.raises(ForwardFailed, match=r"takes 1 channels?: give mean and std 1 value"):
        cs.Network(body(1), size=8).predict(IMAGE)
    assert cs.Network(body(1), size=8, mean=(0.5,), std=(0.5,)).predict(IMAGE)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*jit.*:FutureWarning")
def test_torchscript_is_refused_and_its_weights_can_be_loaded():
    scripted = torch.jit.trace(body().eval(), torch.zeros(1, 3, 8, 8))
    with pytest.raises(ForwardFailed, match=r"TorchScript.*load_state_dict"):
        cs.Network(scripted, size=8).predict(IMAGE)
    module = body()
    module.load_state_dict(scripted.state_dict())
    x = cs.Network(module, size=8).prepare(IMAGE)
    torch.testing.assert_close(module(x), scripted(x))


def test_weights_made_in_inference_mode_work():
    torch.manual_seed(0)
    with torch.inference_mode():
        module = body()
    torch.manual_seed(0)
    found, plain = (cs.saliency(cs.Network(m, size=8), IMAGE, "logits:1").values for m in (module, body()))
    assert np.array_equal(found, plain) and found.any()
    assert all(weight.is_inference() for weight in module.parameters())


def test_the_modules_own_words_come_first_and_advice_that_does_not_fit_is_left_out():
    class Asserts(nn.Module):
        def forward(self, x):
            raise ValueError("The moon must be full")

    with pytest.raises(ForwardFailed, match=r"ValueError: The moon must be full\.$"):
        cs.Network(Asserts(), size=8).predict(IMAGE)


def test_a_failing_head_leaves_the_layers_before_it():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(5, 2))
    net = cs.Network(module, size=8)
    assert list(net.layers) == ["input", "0", "1", "2"]
    assert cs.saliency(net, IMAGE, "1:2").values.any()
    with pytest.raises(ForwardFailed, match="mat1 and mat2"):
        cs.saliency(net, IMAGE, "logits:0")
    with pytest.raises(ForwardFailed, match="mat1 and mat2") as caught:
        net.unit("3:0")
    assert isinstance(caught.value.__cause__, RuntimeError), "with the module's own traceback"
