"""Another network as a subject: code of a user's is run where they name it themselves, and nowhere else."""

import pytest

import convscope as cs
from convscope.catalog.rerun import rerun
from convscope.contract.request import Request
from convscope.contract.subjects import Where
from convscope.techniques.representation.other_network import OtherNetwork

KIND = OtherNetwork()
CODE = """
from pathlib import Path
from torch import nn
import convscope as cs

Path(__file__).with_suffix(".ran").write_text("")


def make():
    return cs.Network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3)).eval(), size=8)
"""


class Hand:
    """A page whose explorer has one network."""

    source = ""

    def __init__(self, net):
        self.net = net

    def network(self, name):
        if name != "tiny":
            raise cs.ConvscopeError(f"no {name}")
        return self.net


@pytest.fixture
def own(tmp_path):
    """What makes a network, and the file that is there once its code was run."""
    file = tmp_path / "mine.py"
    file.write_text(CODE)
    return f"{file}:make", file.with_suffix(".ran")


def test_a_network_is_itself_and_a_name_is_loaded(tiny, own):
    assert KIND.read(None, tiny) is tiny
    reference, ran = own
    assert KIND.read(None, reference).describe()["reference"] == reference and ran.exists()
    with pytest.raises(cs.ConvscopeError, match="other must be a Network or a network's name, not list"):
        KIND.read(None, [tiny])
    with pytest.raises(cs.ConvscopeError, match="There is no network 'lite9'"):
        KIND.read(None, "lite9")


@pytest.mark.parametrize("weights", ["none", "default"])
def test_a_network_of_the_zoo_is_found_again_with_its_weights(weights):
    name = "lite0" if weights == "default" else "torchvision:squeezenet1_1"
    net = cs.load(name, weights=None if weights == "none" else "DEFAULT")
    described = net.describe()
    assert described["weights"] == weights
    assert KIND.reopen(described, Where()).digest == net.digest


def test_no_picture_runs_code_that_it_names(own, tiny):
    reference, ran = own
    with pytest.raises(cs.ConvscopeError, match="code that only a picture names is not run"):
        KIND.reopen({"reference": reference, "digest": "0", "weights": "default"}, Where())
    assert not ran.exists()
    images = [cs.open_image(cs.samples()["cat"].path)] * 5
    lite = cs.load("torchvision:squeezenet1_1", weights=None)
    asked = cs.compare_networks.request(lite, reference, images)
    ran.unlink()
    with pytest.raises(cs.ConvscopeError, match="code that only a picture names is not run"):
        rerun(Request.from_json(asked.to_json()))
    assert not ran.exists()


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"reference": "", "digest": "0"}, "another network from memory"),
        ({"reference": "lite9", "digest": "0"}, "There is no network 'lite9'.*Without it"),
        ({"reference": "lite0", "digest": "0", "weights": "gone.safetensors"}, "Without it this cannot be made again"),
    ],
)
def test_what_is_gone_says_so(described, words):
    with pytest.raises(cs.ConvscopeError, match=words):
        KIND.reopen(described, Where())


def test_a_page_has_the_networks_on_offer_and_no_text_leads_anywhere_else(tiny, own):
    reference, ran = own
    assert KIND.named and KIND.offered(tiny, "tiny", Hand(tiny)) is tiny
    for text in (reference, "torchvision:resnet18", "lite0", ""):
        with pytest.raises(cs.ConvscopeError, match="no "):
            KIND.offered(tiny, text, Hand(tiny))
    assert not ran.exists()
