"""Results: frozen arrays and plain values, and files that hold them whole."""

import dataclasses
import json

import numpy as np
import pytest

import convscope as cs
from convscope.base.errors import BadKnob, CannotWrite
from convscope.base.plain import to_json
from convscope.contract.result import Result
from convscope.results.attribution import Attribution
from convscope.results.layers import Activations, Weights

IMAGE = cs.open_image(np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3))
REQUEST = cs.Request("saliency", {"net": {"reference": "lite0", "digest": "aa"}, "unit": {"reference": "conv1:3"}}, {})


def attribution(**change):
    fields = {
        "values": np.linspace(-1, 2, 48, dtype=np.float32).reshape(3, 4, 4),
        "unit": cs.Unit("conv1", 3),
        "network": "lite0",
        "evidence": {"backward_passes": 1, "rule": "guided", "delta": np.float32(0.5), "counts": {"ReLU": np.int64(3)}},
        "request": REQUEST,
        "image": IMAGE,
        "value": 1.5,
        "seen": np.arange(48, dtype=np.uint8).reshape(4, 4, 3),
    }
    return Attribution(**{**fields, **change})


def weights(norm, duplicate_of):
    n = len(norm)
    blank = np.zeros(n, np.float32)
    return Weights(
        values=np.zeros((n, 3, 3, 3), np.float32), unit=cs.Unit("conv1"), network="n", evidence={}, groups=1,
        norm=np.array(norm, np.float32), roughness=blank, high_share=blank, duplicate_of=np.array(duplicate_of),
    )  # fmt: skip


def activations(values):
    values = np.array(values, np.float32)
    zeros = (values.reshape(len(values), -1) == 0).mean(1, dtype=np.float32)
    return Activations(
        values=values, unit=cs.Unit("relu"), network="n", evidence={}, image=IMAGE, zeros=zeros, seen=IMAGE.pixels
    )


def test_a_result_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        attribution().values = np.zeros(1)


def test_npz_holds_every_array_and_the_summary(tmp_path):
    result = attribution()
    assert result.save(str(tmp_path / "a.npz")) == tmp_path / "a.npz"
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert sorted(file.files) == ["seen", "summary", "values"]
        for name, array in result.arrays().items():
            np.testing.assert_array_equal(file[name], array)
            assert file[name].dtype == array.dtype
        assert json.loads(str(file["summary"])) == json.loads(to_json(result.summary()))


def test_npz_bytes_are_the_same_every_time(tmp_path):
    first, second = (attribution().save(tmp_path / f"{i}.npz").read_bytes() for i in range(2))
    assert first == second


def test_json_holds_everything_but_the_arrays(tmp_path):
    result = attribution()
    content = json.loads(result.save(tmp_path / "a.JSON").read_text(encoding="utf-8"))
    assert content["technique"] == "saliency"
    assert content["digest"] == REQUEST.digest
    assert content["unit"] == "conv1:3"
    assert content["network"] == "lite0"
    assert content["values"] == {"shape": [3, 4, 4], "min": -1.0, "max": 2.0}
    assert content["evidence"] == {"backward_passes": 1, "rule": "guided", "delta": 0.5, "counts": {"ReLU": 3}}
    assert cs.Request(**content["request"]) == REQUEST


def test_a_result_without_a_request_has_a_summary_too():
    summary = attribution(request=None).summary()
    assert (summary["technique"], summary["digest"], summary["request"]) == (None, None, None)
    assert summary["unit"] == "conv1:3"


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.npy", ".png", "a.png.txt"])
def test_another_ending_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(BadKnob, match=r"must end in \.png, \.npz or \.json, not"):
        attribution().save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(CannotWrite, match="does not exist"):
        attribution().save(tmp_path / "nowhere" / "a.npz")


def test_json_has_no_nan_and_no_numpy():
    value = {
        "a": np.float32(0.5),
        1: [np.int64(2), float("nan"), np.inf],
        "b": np.array([[1, 2]]),
        "c": (True, None, "é"),
    }
    value["d"] = np.bool_(True)
    text = to_json(value)
    assert json.loads(text) == {
        "a": 0.5, "1": [2, None, None], "b": [[1, 2]], "c": [True, None, "é"], "d": True,
    }  # fmt: skip
    assert "é" in text
    json.loads(text, parse_constant=pytest.fail)


def test_a_summary_with_nan_is_still_json():
    result = Result(values=np.array([np.nan], np.float32), unit=cs.Unit("a"), network="n", evidence={"x": np.nan})
    content = json.loads(to_json(result.summary()), parse_constant=pytest.fail)
    assert content["values"] == {"shape": [1], "min": None, "max": None}


def test_silent_channels_are_those_that_are_zero_everywhere():
    result = activations([[[0, 0], [0, 0]], [[0, 1], [0, 0]], [[-1, -1], [2, 3]], [[0, 0], [0, 0]]])
    assert result.silent == [0, 3]
    assert result.sparsity == pytest.approx((4 + 3 + 0 + 4) / 16)


def test_a_layer_without_positions_has_silent_units_too():
    assert activations([0, 1, 0]).silent == [0, 2]


def test_dead_filters_are_under_a_hundred_thousandth_of_the_largest_norm():
    assert weights([1, 2, 1, 1, 0.0011, 2.1e-5, 1.9e-5, 0], range(8)).dead == [6, 7]
    assert weights([0, 0, 0], range(3)).dead == [0, 1, 2]


def test_duplicates_are_the_groups_of_more_than_one():
    assert weights([1] * 6, [0, 1, 0, 3, 1, 0]).duplicates == [[0, 2, 5], [1, 4]]
    assert weights([1] * 3, [0, 1, 2]).duplicates == []
