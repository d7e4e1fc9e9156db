"""A network: any module, its addresses, predictions, values and digest."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadKnob, ForwardFailed, UnknownLayer, UnknownUnit

PHOTO = cs.open_image(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8))
LABELS = ["cat", "dog, hound", "cow", "sow", "hen"]


class Returns(nn.Module):
    """Returns what a function makes of two tensors of scores."""

    def __init__(self, shape):
        super().__init__()
        self.a, self.b, self.shape = nn.Conv2d(3, 4, 8), nn.Conv2d(3, 5, 8), shape

    def forward(self, x):
        return self.shape(self.a(x).flatten(1), self.b(x).flatten(1))


class TestPredictions:
    def test_predictions_come_most_probable_first_and_sum_to_one(self, tiny):
        found = tiny.predict(PHOTO, top=5)
        with torch.no_grad():
            wanted = tiny.module(tiny.prepare(PHOTO)).softmax(1)[0]
        assert [index for _, index, _ in found] == wanted.argsort(descending=True).tolist()
        probabilities = [p for _, _, p in found]
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(probabilities) == pytest.approx(1)
        assert probabilities == pytest.approx(wanted.sort(descending=True).values.tolist())

    @pytest.mark.parametrize(("top", "count"), [(1, 1), (3, 3), (5, 5), (99, 5)])
    def test_there_are_as_many_as_asked_for_or_as_there_are(self, tiny, top, count):
        assert tiny.predict(PHOTO, top=top) == tiny.predict(PHOTO)[:count]
        assert len(tiny.predict(PHOTO, top=top)) == count

    @pytest.mark.parametrize("top", [0, -1])
    def test_fewer_than_one_is_refused(self, tiny, top):
        with pytest.raises(BadKnob, match=f"top must be at least 1, a whole number, not {top}"):
            tiny.predict(PHOTO, top=top)

    def test_classes_go_by_their_labels_or_else_their_numbers(self, tiny):
        labelled = cs.Network(tiny.module, size=32, labels=LABELS)
        by_number, by_label = tiny.predict(PHOTO), labelled.predict(PHOTO)
        assert [label for label, _, _ in by_number] == [str(index) for _, index, _ in by_number]
        assert [label for label, _, _ in by_label] == [LABELS[index] for _, index, _ in by_label]
        assert labelled.unit("probs:hound") == cs.Unit("probs", 1)

    def test_a_list_of_images_gets_a_list_of_answers_each_as_if_alone(self, tiny, monkeypatch):
        images = [np.roll(PHOTO.pixels, 5 * shift, 1) for shift in range(7)]
        alone = [tiny.predict(image) for image in images]
        for size in (1, 3, 16):
            monkeypatch.setattr("convscope.network.network.fitting_batch_size", lambda *_, size=size: size)
            together = tiny.predict(images)
            for one, other in zip(alone, together, strict=True):
                assert [row[:2] for row in other] == [row[:2] for row in one]
                assert [p for *_, p in other] == pytest.approx([p for *_, p in one], rel=1e-5)
        assert tiny.predict([]) == [] and tiny.predict((PHOTO,), top=1) == [tiny.predict(PHOTO, top=1)]

    def test_a_network_of_maps_predicts_no_class(self):
        net = cs.Network(nn.Conv2d(3, 4, 3), size=8, name="segmenter")
        with pytest.raises(UnknownUnit, match="segmenter puts out maps"):
            net.predict(PHOTO)
        with pytest.raises(UnknownUnit, match="probs:1 is not a class probability"):
            net.unit("probs:1")


class TestAddresses:
    @pytest.mark.parametrize(
        "address", ["0", "0:5", "0:5@31,31", "6:4", "logits:4", "probs:4", "input:2@31,0", "logits"]
    )
    def test_every_unit_there_is_can_be_addressed(self, tiny, address):
        assert str(tiny.unit(address)) == address

    @pytest.mark.parametrize(
        ("address", "sentence"),
        [
            ("0:6", "0 has 6 channels, numbered 0 to 5, not 6"),
            ("input:3", "input has 3 channels, numbered 0 to 2, not 3"),
            ("logits:5", "logits has 5 channels, numbered 0 to 4, not 5"),
            ("probs:5", "probs has 5 channels, numbered 0 to 4, not 5"),
            ("0:5@32,0", "Positions of 0 are @0,0 to @31,31, not @32,0"),
            ("3:1@0,16", "Positions of 3 are @0,0 to @15,15, not @0,16"),
            ("6:1@0,0", "6 has no positions: its output is 5 numbers. Leave out @y,x"),
            ("logits:1@0,0", "logits has no positions"),
            ("probs", "probs is not a class probability. Use probs:CLASS"),
            ("logits:cat", "This network has no labels, so the class 'cat' must be given as a number"),
        ],
    )
    def test_a_unit_out_of_range_says_what_there_is(self, tiny, address, sentence):
        with pytest.raises(UnknownUnit, match=sentence):
            tiny.unit(address)

    @pytest.mark.parametrize(
        "unit", [cs.Unit("0", -1), cs.Unit("0", 0, (-1, 0)), cs.Unit("0", None, (1, 2)), cs.Unit("probs", -1)], ids=str
    )
    def test_a_unit_made_by_hand_is_checked_like_an_address(self, tiny, unit):
        with pytest.raises(UnknownUnit):
            tiny.unit(unit)

    def test_an_unknown_layer_is_refused(self, tiny):
        with pytest.raises(UnknownLayer, match="tiny has no layer 'conv1'"):
            tiny.unit("conv1:0")

    def test_a_whole_layer_is_no_channel(self, tiny):
        assert tiny.layer("3") == "3"
        with pytest.raises(UnknownUnit, match=r"3:1 is one channel; this needs a whole layer. Use 3."):
            tiny.layer("3:1")


class TestValues:
    @pytest.mark.parametrize(
        ("address", "value"),
        [
            ("3:2@5,7", lambda t, logits: t[:, 2, 5, 7]),
            ("3:2", lambda t, logits: t[:, 2].sum((1, 2))),
            ("3", lambda t, logits: t.sum((1, 2, 3))),
            ("logits:4", lambda t, logits: logits[:, 4]),
            ("logits", lambda t, logits: logits.sum(1)),
            ("probs:4", lambda t, logits: logits.softmax(1)[:, 4]),
        ],
    )
    def test_a_value_is_the_activation_or_the_sum_of_them(self, tiny, address, value):
        x = torch.randn(3, 3, 32, 32)
        with torch.no_grad():
            wanted = value(tiny.module[:4](x), tiny.module(x))
            found = tiny.value(x, address)
        assert found.shape == (3,)
        torch.testing.assert_close(found, wanted)

    def test_several_layers_are_read_in_one_forward(self, tiny):
        runs = []
        tiny.module[0].register_forward_hook(lambda *_: runs.append(1))
        _ = tiny.layers
        runs.clear()
        x = torch.randn(2, 3, 32, 32)
        with torch.no_grad():
            found = tiny.read(x, "logits", "2", "0", "input")
            assert len(runs) == 1
            assert list(found) == ["logits", "2", "0", "input"]
            torch.testing.assert_close(found["2"], tiny.module[:3](x))
            torch.testing.assert_close(found["0"], tiny.module[0](x))
            assert found["input"] is x

    def test_reading_goes_no_deeper_than_asked(self, tiny):
        ran = []
        tiny.module[3].register_forward_hook(lambda *_: ran.append("3"))
        _ = tiny.layers
        ran.clear()
        tiny.read(torch.randn(1, 3, 32, 32), "2")
        assert not ran


class TestOutputs:
    @pytest.mark.parametrize(
        ("shape", "output", "classes"),
        [
            (lambda a, b: a, None, 4),
            (lambda a, b: (a, b), None, 4),
            (lambda a, b: [a, b], None, 4),
            (lambda a, b: (a, b), 1, 5),
            (lambda a, b: {"aux": a, "logits": b}, None, 5),
            (lambda a, b: {"x": a, "y": b}, "y", 5),
        ],
    )
    def test_scores_are_found_in_any_kind_of_output(self, shape, output, classes):
        net = cs.Network(Returns(shape), size=8, output=output)
        assert net.layers["logits"].shape == (classes,)
        assert len(net.predict(PHOTO, top=9)) == classes
        assert net.value(net.prepare(PHOTO), "logits:3").shape == (1,)

    def test_a_dict_without_plain_scores_asks_which(self):
        net = cs.Network(Returns(lambda a, b: {"x": a, "y": b}), size=8)
        for use in (lambda: net.layers["logits"], lambda: net.predict(PHOTO), lambda: net.unit("logits:0")):
            with pytest.raises(ForwardFailed, match=r"a dict of x, y.*cs.Network\(module, output='x' or output='y'\)"):
                use()

    def test_a_module_that_raises_says_so_until_it_no_longer_does(self, tiny):
        net = cs.Network(tiny.module, size=20, name="too small")
        with pytest.raises(ForwardFailed, match=r"input of shape \(1, 3, 20, 20\): RuntimeError: .*Check that size"):
            _ = net.layers["logits"]
        assert list(net.layers)[-1] == "5", "what ran before can be looked at"
        tiny.module[6] = nn.LazyLinear(5)
        tiny.module(torch.zeros(1, 3, 20, 20))
        assert net.layers["logits"].units == 5


class TestDigest:
    def test_a_deep_copy_and_another_mode_have_the_same_digest(self, tiny):
        twin = cs.Network(copy.deepcopy(tiny.module), size=32, name="another name", labels=LABELS)
        assert twin.digest == tiny.digest
        digest = tiny.digest
        tiny.predict(PHOTO)
        tiny.module.train()
        assert tiny.digest == digest

    def test_one_weight_changed_in_place_changes_the_digest_and_back(self, tiny):
        digest, weight = tiny.digest, tiny.module[3].weight
        with torch.no_grad():
            before = weight[3, 5, 2, 2].clone()
            weight[3, 5, 2, 2] += 1e-3
            assert tiny.digest != digest
            weight[3, 5, 2, 2] = before
        assert tiny.digest == digest

    def test_a_buffer_or_another_layer_changes_the_digest(self, tiny):
        digest = tiny.digest
        tiny.module[1].running_mean[0] += 1
        assert tiny.digest != digest
        tiny.module[1].running_mean[0] -= 1
        tiny.module[2] = nn.ReLU6()
        assert tiny.digest != digest

    @pytest.mark.parametrize(
        "change", [{"mean": [0.5] * 3}, {"size": 36}, {"resize": 1.5}, {"interpolation": "bicubic"}, {"squash": True}]
    )
    def test_another_preparation_changes_the_digest(self, tiny, change):
        assert cs.Network(tiny.module, **{"size": 32, **change}).digest != tiny.digest

    def test_which_output_is_meant_changes_the_digest(self):
        module = Returns(lambda a, b: (a, b))
        assert cs.Network(module, size=8).digest != cs.Network(module, size=8, output=1).digest

    @pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
    def test_weights_of_any_type_have_a_digest(self, tiny, dtype):
        digest = tiny.digest
        assert cs.Network(tiny.module.to(dtype), size=32).digest != digest


def test_a_network_describes_itself(tiny):
    assert repr(tiny) == "<Network tiny: 3 × 32 × 32 → 9 layers>"
    assert cs.Network(tiny.module, size=32).name == "Sequential"
    assert tiny.describe() == {"reference": "", "digest": tiny.digest}


@pytest.mark.parametrize("module", ["lite0", {"0.weight": 1}, None, nn.Conv2d])
def test_what_is_no_module_is_refused(module):
    with pytest.raises(BadKnob, match=f"module must be a torch.nn.Module, not {type(module).__name__}"):
        cs.Network(module)


def test_a_network_never_used_is_not_run_or_changed_by_being_made():
    class Untouchable(nn.Module):
        def forward(self, x):
            raise AssertionError("ran")

    module = Untouchable().train()
    assert cs.Network(module).module is module
    assert module.training
