"""Calls without HTTP: the answers that a page gets, to the byte."""

import pydantic
import pytest

import convscope as cs
from convscope.explorer.calls import ROUTES, Explorer, answer
from convscope.explorer.jobs.jobs import JobList

CAT = cs.open_image("sample:cat").digest
LOOK = {"network": "tiny", "layer": "0", "image": CAT, "hidden": [{"top": 1, "left": 2, "bottom": 9, "right": 12}]}
SALIENCY = {"network": "tiny", "technique": "saliency", "subjects": {"image": CAT, "unit": "logits:1"}}
ASKED = {
    "session": None,
    "jobs": None,
    "network": {"network": "tiny"},
    "look": LOOK,
    "unit": {**LOOK, "channel": 2},
    "fields": {"network": "tiny", "layer": "3"},
    "ask": SALIENCY,
    "gallery": {"network": "tiny", "layer": "3"},
}


@pytest.fixture
def explorer(workspace):
    jobs = JobList(workspace, lambda _event: None)
    yield Explorer(workspace, jobs)
    jobs.close()


@pytest.mark.parametrize("call", ASKED)
def test_an_answer_is_the_same_with_and_without_http(call, explorer, page):
    asked = ASKED[call]
    there = page.get(f"/api/{call}") if asked is None else page.post(f"/api/{call}", json=asked)
    assert there.status_code == 200, there.text
    here = answer(explorer, call, asked or {})
    assert (here if isinstance(here, bytes) else here.model_dump_json().encode()) == there.content


def test_every_call_has_a_name_of_its_own_and_wants_what_its_message_says(explorer):
    assert len({route.name for route in ROUTES}) == len(ROUTES)
    with pytest.raises(pydantic.ValidationError, match="nonsense"):
        answer(explorer, "look", {**LOOK, "nonsense": 1})
    with pytest.raises(cs.ConvscopeError, match="no network 'big'"):
        answer(explorer, "network", b'{"network": "big"}')
