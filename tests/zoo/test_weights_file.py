"""Weights files: tensors only, whole, and for this network."""

import contextlib
import json
import os
import struct

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from convscope.base.errors import BadWeights
from convscope.zoo.weights_file import Checkpoint, load_into, read


def make():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.ReLU(), nn.Conv2d(4, 2, 1, bias=False))
    )


@pytest.fixture
def state():
    return {
        name: tensor + 0.5 if tensor.is_floating_point() else tensor for name, tensor in make().state_dict().items()
    }


def save(path, content):
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(content, path)
    else:
        torch.save(content, path)
    return path


class TestReading:
    @pytest.mark.parametrize("name", ["a.safetensors", "a.pth", "a.bin", "a"])
    def test_a_file_is_known_by_its_content_not_its_name(self, tmp_path, state, name):
        for kind in ("x.safetensors", "x.pth"):
            path = save(tmp_path / kind, state).rename(tmp_path / name)
            found = read(path)
            assert found.tensors.keys() == state.keys()
            assert all(torch.equal(found.tensors[key], state[key]) for key in state)

    @pytest.mark.parametrize("wrap", ["state_dict", "model", "model_state_dict"])
    @pytest.mark.parametrize("prefix", ["", "module."])
    def test_a_checkpoint_of_a_training_run_is_unwrapped(self, tmp_path, state, wrap, prefix):
        content = {
            wrap: {prefix + name: tensor for name, tensor in state.items()},
            "epoch": 3,
            "optimizer": {"lr": [0.1]},
        }
        assert read(save(tmp_path / "a.pth", content)).tensors.keys() == state.keys()

    def test_what_is_tied_and_written_once_is_read_under_both_names(self, tmp_path):
        module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        module[1].weight = module[0].weight
        safetensors.torch.save_model(module, str(tmp_path / "a.safetensors"))
        found = read(tmp_path / "a.safetensors").tensors
        assert found.keys() == module.state_dict().keys()
        assert torch.equal(found["0.weight"], found["1.weight"])

    def test_the_old_format_of_torch_is_read(self, tmp_path, state):
        torch.save(state, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
        assert read(tmp_path / "a.pth").tensors.keys() == state.keys()

    def test_metadata_is_read_as_text_and_as_numbers(self, tmp_path, state):
        safetensors.torch.save_file(state, tmp_path / "a.safetensors", {"mean": "[0.5, 1, 2]", "by": "me"})
        found = read(tmp_path / "a.safetensors")
        assert found.metadata["by"] == "me"
        assert found.numbers("mean") == (0.5, 1.0, 2.0)
        assert found.numbers("std") is None

    @pytest.mark.parametrize("text", ["grey", "0.5", "[1, null]", '{"r": 1}', "[[1, 2, 3]]", '["a"]'])
    def test_metadata_that_are_no_numbers_are_refused_by_name(self, tmp_path, text):
        with pytest.raises(BadWeights, match=r"mean.* must be .*list of numbers"):
            Checkpoint(tmp_path / "a.safetensors", {}, {"mean": text}).numbers("mean")

    def test_another_order_of_color_is_refused(self, tmp_path, state):
        safetensors.torch.save_file(state, tmp_path / "a.safetensors", {"channels": "BGR"})
        with pytest.raises(BadWeights, match=r"wants BGR channels; only RGB is supported. Reorder"):
            read(tmp_path / "a.safetensors")


class Explosive:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


class TestRefusals:
    @pytest.mark.parametrize("old", [False, True])
    @pytest.mark.parametrize(
        "content",
        [make(), {"a": Explosive()}, {"state_dict": {}, "args": nn.Module}, [make()]],
        ids=["module", "bomb", "class", "list"],
    )
    @pytest.mark.filterwarnings("ignore")
    def test_pickled_objects_are_refused_and_not_run(self, tmp_path, monkeypatch, content, old):
        torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=not old)
        monkeypatch.chdir(tmp_path)
        with pytest.raises(
            BadWeights, match=r"pickled Python objects, which can run any code.*torch.save\(module.state_dict"
        ):
            read(tmp_path / "a.pth")
        assert [path.name for path in tmp_path.iterdir()] == ["a.pth"]

    @pytest.mark.parametrize("kind", ["a.safetensors", "a.pth"])
    @pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
    def test_a_truncated_file_is_refused(self, tmp_path, state, kind, share):
        path = save(tmp_path / kind, state)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        with pytest.raises(BadWeights, match=r"not a weights file that can be read \(.*\). Get a whole copy"):
            read(path)

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"hello, world of weights",
            b"<!DOCTYPE html><html>404</html>",
            b'{"a": 1}',
            bytes(1000),
            b"\x89PNG\r\n\x1a\n" * 9,
        ],
        ids=["empty", "text", "html", "json", "zeros", "png"],
    )
    def test_another_kind_of_file_is_not_called_pickled(self, tmp_path, data):
        (tmp_path / "a.pth").write_bytes(data)
        with pytest.raises(BadWeights, match=r"not a weights file that can be read") as caught:
            read(tmp_path / "a.pth")
        assert "`False`" not in str(caught.value)  # torch's own advice is to open it unsafely

    @pytest.mark.parametrize("kind", ["a.safetensors", "a.pth", "old.pth"])
    @pytest.mark.filterwarnings("ignore")
    def test_a_damaged_file_is_read_or_refused_but_never_anything_else(self, tmp_path, state, kind):
        path = tmp_path / kind
        if kind == "old.pth":
            torch.save(state, path, _use_new_zipfile_serialization=False)
        else:
            save(path, state)
        whole, rng = path.read_bytes(), np.random.default_rng(0)
        for _ in range(150):
            damaged = np.frombuffer(whole, np.uint8).copy()
            places = rng.integers(0, min(len(whole), rng.choice([200, 10**9])), rng.integers(1, 10))
            damaged[places] = rng.integers(0, 256, len(places))
            path.write_bytes(damaged.tobytes())
            with contextlib.suppress(BadWeights):
                assert read(path).tensors

    def test_a_header_that_claims_more_than_the_file_holds_is_refused(self, tmp_path):
        header = json.dumps({"a": {"dtype": "F32", "shape": [10**6], "data_offsets": [0, 4 * 10**6]}}).encode()
        (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
        with pytest.raises(BadWeights, match="not a weights file that can be read"):
            read(tmp_path / "a.safetensors")

    @pytest.mark.parametrize(
        "content", [3, [torch.ones(1)], {}, {"a": 1}, {"a": torch.ones(1), "b": "c"}, {"state_dict": {}}]
    )
    def test_what_holds_no_state_dict_is_refused(self, tmp_path, content):
        with pytest.raises(BadWeights, match="must hold a state dict, names to tensors, and does not"):
            read(save(tmp_path / "a.pth", content))

    @pytest.mark.parametrize("name", ["nowhere.pth", "."])
    def test_a_missing_file_or_a_folder_is_refused(self, tmp_path, name):
        with pytest.raises(BadWeights, match=r"There is no weights file .* Give 'default', 'none', or the path"):
            read(tmp_path / name)


class TestLoading:
    def test_all_tensors_arrive(self, tmp_path, state):
        module = make()
        assert load_into(module, Checkpoint(tmp_path, state, {})) == frozenset()
        assert all(torch.equal(tensor, state[name]) for name, tensor in module.state_dict().items())

    def test_a_tensor_of_another_network_is_named_and_nothing_is_changed(self, tmp_path, state):
        module = make()
        before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        wrong = {**state, "2.1.wieght": torch.ones(1)}
        with pytest.raises(
            BadWeights, match=r"is for another network: 2\.1\.wieght is not in this one \(8 of its 9 tensors fit\)"
        ) as c:
            load_into(module, Checkpoint(tmp_path, wrong, {}))
        assert "Nearest: 2.1.weight" in str(c.value)
        assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())

    def test_another_shape_is_named_and_nothing_is_changed(self, tmp_path, state):
        module = make()
        before = module.state_dict()["0.weight"].clone()
        with pytest.raises(
            BadWeights, match=r"2\.1\.weight in .* is \(3, 4, 1, 1\), but the network's is \(2, 4, 1, 1\). Choose"
        ):
            load_into(module, Checkpoint(tmp_path, {**state, "2.1.weight": torch.ones(3, 4, 1, 1)}, {}))
        assert torch.equal(module.state_dict()["0.weight"], before)

    @pytest.mark.parametrize(
        ("missing", "layers"),
        [
            (["0.bias"], {"0"}),
            (["0.weight", "0.bias", "1.running_var"], {"0", "1"}),
            (["2.1.weight"], {"2.1"}),
            (["1.num_batches_tracked"], set()),
        ],
    )
    def test_layers_without_weights_are_named(self, tmp_path, state, missing, layers):
        given = {name: tensor for name, tensor in state.items() if name not in missing}
        assert load_into(make(), Checkpoint(tmp_path, given, {})) == layers

    @pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
    def test_weights_of_another_type_are_converted(self, tmp_path, state, dtype):
        module = make()
        load_into(module, Checkpoint(tmp_path, {name: t.to(dtype) for name, t in state.items()}, {}))
        assert module[0].weight.dtype == torch.float32
        torch.testing.assert_close(module[0].weight.detach(), state["0.weight"], atol=1e-3, rtol=0)
