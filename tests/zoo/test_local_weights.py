"""Weights of the user's own: every kind of file, whole or in part, in the networks of the zoo."""

import copy
import warnings

import pytest
import safetensors.torch
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadWeights, ConvscopeWarning


class TestLocalWeights:
    @pytest.fixture
    def source(self, resnet, trained):
        module = copy.deepcopy(resnet.module)
        module.load_state_dict(trained)
        return cs.Network(module, name="source", resize=256 / 224)

    @pytest.mark.parametrize(
        "kind", ["plain.pth", "wrapped.pth", "parallel.pth", "plain.safetensors", "parallel.safetensors"]
    )
    def test_every_kind_of_file_gives_the_digest_of_its_source(self, source, trained, tmp_path, kind):
        path = tmp_path / kind
        state = {f"module.{name}": t for name, t in trained.items()} if kind.startswith("parallel") else trained
        if path.suffix == ".safetensors":
            safetensors.torch.save_file(state, path)
        else:
            torch.save({"state_dict": state, "epoch": 3} if kind.startswith("wrapped") else state, path)
        net = cs.load("torchvision:resnet18", weights=path, device="cpu")
        assert net.digest == source.digest
        assert net.reference == {"reference": "torchvision:resnet18", "weights": str(path)}
        assert len(net.labels) == 1000

    def test_a_local_file_for_the_embedded_network_gives_its_digest_and_labels(self, lite0, tmp_path):
        torch.save(lite0.module.state_dict(), tmp_path / "a.pth")
        net = cs.load("lite0", weights=tmp_path / "a.pth")
        assert net.digest == lite0.digest
        assert net.labels == lite0.labels

    def test_weights_without_a_classifier_warn_and_refuse_what_needs_it(self, trained, tmp_path):
        torch.save(
            {name: t for name, t in trained.items() if not name.startswith(("fc", "layer4.1"))}, tmp_path / "a.pth"
        )
        with pytest.warns(ConvscopeWarning, match=r"no weights for fc, layer4\.1\.bn1, .* of resnet18") as warned:
            net = cs.load("torchvision:resnet18", weights=tmp_path / "a.pth")
        assert warned[0].filename == __file__
        assert net.labels == ()
        for use in (lambda: net.predict("sample:cat"), lambda: cs.activations(net, "sample:cat", "avgpool")):
            with pytest.raises(BadWeights, match=r"of resnet18 needs weights .*does not hold, those of layer4\.1"):
                use()
        assert cs.activations(net, "sample:cat", "layer4.0").values.shape == (512, 7, 7)

    def test_missing_weights_that_belong_to_no_layer_are_not_overlooked(self, tmp_path):
        state = cs.load("timm:vit_tiny_patch16_224", weights=None).module.state_dict()
        torch.save({name: t for name, t in state.items() if name != "pos_embed"}, tmp_path / "root.pth")
        torch.save({name: t for name, t in state.items() if "blocks.3.attn.qkv" not in name}, tmp_path / "part.pth")
        for name in ("root.pth", "part.pth"):
            with pytest.warns(ConvscopeWarning, match="has no weights for"):
                net = cs.load("timm:vit_tiny_patch16_224", weights=tmp_path / name)
            with pytest.raises(BadWeights, match=r"needs weights .*does not hold"):
                net.predict("sample:cat")

    def test_weights_of_another_network_or_number_of_classes_are_refused(self, trained, tmp_path):
        torch.save(trained, tmp_path / "a.pth")
        with pytest.raises(
            BadWeights, match=r"is for another network: .* is not in this one \(\d+ of its 122 tensors fit\)"
        ):
            cs.load("torchvision:vgg11", weights=tmp_path / "a.pth")
        torch.save({**trained, "fc.weight": torch.ones(10, 512)}, tmp_path / "b.pth")
        with pytest.raises(BadWeights, match=r"fc.weight in .* is \(10, 512\), but the network's is \(1000, 512\)"):
            cs.load("torchvision:resnet18", weights=tmp_path / "b.pth")

    @pytest.mark.parametrize("name", ["lite0", "torchvision:squeezenet1_1", "timm:resnet18"])
    def test_what_the_guide_says_to_write_is_read_back_the_same(self, tmp_path, name):
        net = cs.load(name, weights="default" if name == "lite0" else None)
        with pytest.raises(ValueError, match="contiguous"):  # so the guide names `save_model`
            safetensors.torch.save_file(net.module.state_dict(), tmp_path / "a.safetensors")
        safetensors.torch.save_model(net.module, str(tmp_path / "a.safetensors"))
        assert cs.load(name, weights=tmp_path / "a.safetensors").digest == net.digest

    @pytest.mark.parametrize("name", ["lite0", "torchvision:resnet18", "timm:resnet18"])
    def test_a_pickled_or_missing_or_damaged_file_is_refused(self, tmp_path, name):
        torch.save(nn.Conv2d(3, 4, 3), tmp_path / "module.pth")
        (tmp_path / "text.safetensors").write_text("hello, world")
        for file, says in (
            ("module.pth", "pickled"),
            ("text.safetensors", "not a weights file"),
            ("no.pth", "There is no"),
        ):
            with pytest.raises(BadWeights, match=says):
                cs.load(name, weights=tmp_path / file)


@pytest.fixture(scope="module")
def vgg(shared):
    with pytest.warns(ConvscopeWarning) as warned:
        net = cs.load("torchvision:vgg16", weights=shared / "models" / "vgg16-features.safetensors")
    return net, str(warned[0].message)


class TestVgg16WithoutClassifier:
    def test_the_warning_names_the_layers_without_weights(self, vgg):
        assert "has no weights for classifier.0, classifier.3, classifier.6 of vgg16" in vgg[1]

    def test_mean_and_std_are_those_of_its_metadata(self, vgg):
        net, _ = vgg
        assert net.preprocessing.mean == (0.48501961, 0.45795686, 0.40760392)
        assert net.preprocessing.std == (0.00392157,) * 3
        assert net.prepare("sample:cat").abs().max() > 50  # weights for 0 to 255

    def test_its_convolutions_work(self, vgg):
        values = cs.activations(vgg[0], "sample:cat", "features.1").values
        assert values.shape == (64, 224, 224)
        assert (values > 0).mean() > 0.1

    def test_what_needs_the_classifier_is_refused(self, vgg):
        net, _ = vgg
        assert net.labels == ()
        for use in (
            lambda: net.predict("sample:cat"),
            lambda: net.value(net.prepare("sample:cat"), "logits:3"),
            lambda: net.value(net.prepare("sample:cat"), "probs:3"),
            lambda: cs.saliency(net, "sample:cat", "logits:281"),
            lambda: cs.activations(net, "sample:cat", "classifier.1"),
            lambda: cs.weights(net, "classifier.3"),
        ):
            with pytest.raises(
                BadWeights, match=r"those of classifier\.0.*before classifier\.0|no weights for classifier"
            ):
                use()


def test_a_file_that_fits_gives_no_warning(resnet, tmp_path):
    torch.save(resnet.module.state_dict(), tmp_path / "a.pth")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cs.load("torchvision:resnet18", weights=tmp_path / "a.pth").digest == resnet.digest
