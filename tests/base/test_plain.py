"""Plain values as JSON and back, and everything else refused in one way."""

import json
import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.base.errors import BadJson
from convscope.base.plain import from_json, to_json

words = st.text()
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4))


@given(values, st.sampled_from([None, 1]))
def test_values_come_back_from_their_text_and_its_bytes(value, indent):
    text = to_json(value, indent)
    assert from_json(text) == from_json(text.encode()) == from_json(text, loose=True) == value


@given(st.text(max_size=40) | st.binary(max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        value = from_json(text)
    except BadJson as error:
        assert str(error).startswith("It must be JSON") and str(error).endswith(".")
    else:
        assert value == json.loads(text)


NONE = {
    "nothing": "",
    "lists": "[" * 5000,
    "objects": '{"a":' * 5000,
    "whole but deep": "[" * 70 + "]" * 70,
    "comma": "[1,]",
    "word": "nul",
    "two": "1 2",
    "half a pair": '"\\ud800"',
    "half a pair, raw": '"\ud800"',
    "bytes": b"\xff",
    "Latin-1": b'"\xe9"',
}


@pytest.mark.parametrize("loose", [False, True])
@pytest.mark.parametrize("text", NONE.values(), ids=NONE)
def test_what_is_no_json_is_refused(text, loose):
    with pytest.raises(BadJson, match="It must be JSON"):
        from_json(text, loose=loose)


def test_only_a_loose_text_may_hold_what_python_writes_beyond_json():
    beyond = [math.inf, -math.inf, "caf\udce9.jpg"]
    text = json.dumps(beyond)
    assert from_json(text, loose=True) == beyond and math.isnan(from_json("NaN", loose=True))
    for one in [*map(json.dumps, beyond), "NaN"]:
        with pytest.raises(BadJson):
            from_json(one)


def test_what_is_written_can_always_be_encoded():
    text = to_json({"file": "caf\udce9.jpg", "value": np.float32("nan"), "many": np.arange(2)})
    assert text.encode() and json.loads(text) == {"file": "caf\udce9.jpg", "value": None, "many": [0, 1]}


def test_values_of_tables_are_numbers_and_texts():
    whole, day = 2**127 - 1, datetime(2020, 1, 2, 3)
    row = [Decimal(whole), Decimal("1.5"), b"\x00\xff", date(2020, 1, 2), day, day.time(), timedelta(1), UUID(int=5)]
    assert from_json(to_json(row)) == [
        whole, 1.5, "00ff", "2020-01-02", "2020-01-02 03:00:00", "03:00:00", "1 day, 0:00:00", str(UUID(int=5)),
    ]  # fmt: skip
