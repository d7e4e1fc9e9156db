"""What makes a function a technique."""

import inspect
from typing import Annotated

import numpy as np
import pytest
from pydantic import Field

import convscope as cs
from convscope.base.errors import BadImage, BadKnob, UnknownLayer, UnknownUnit
from convscope.base.image import ImageLike
from convscope.base.unit import UnitLike
from convscope.contract import knobs
from convscope.contract.result import Result
from convscope.contract.subjects import Given
from convscope.contract.technique import technique
from convscope.network.network import Network

GREY = np.full((32, 32, 3), 128, np.uint8)


@technique
def probe(
    net: Network,
    image: ImageLike,
    unit: UnitLike,
    *,
    steps: Annotated[int, Field(ge=1, description="how many steps are taken")] = 5,
) -> Result:
    """Say what was asked."""
    return Result(
        values=np.zeros(1, np.float32),
        unit=unit,
        network=net.name,
        evidence={"image": type(image).__name__, "steps": steps},
    )


@technique
def browse(net: Network, layer: UnitLike) -> Result:
    """Say which layer was asked for."""
    return Result(values=np.zeros(1, np.float32), unit=layer, network=net.name, evidence={})


@technique(tide=Given(lambda _net, given: int(given)))
def wade(net: Network, tide: int, unit: UnitLike) -> Result:
    """Say how deep it is."""
    return Result(values=np.full(1, tide, np.float32), unit=unit, network=net.name, evidence={"tide": tide})


def test_a_technique_may_bring_a_reader_for_a_subject_of_its_own(tiny):
    result = wade(tiny, "7", "0:3")
    assert result.evidence == {"tide": 7} and result.unit == cs.Unit("0", 3)
    assert list(result.request.subjects) == ["net", "tide", "unit"]
    assert result.request.subjects["tide"] == {"reference": "7"}


def test_a_technique_keeps_its_name_doc_and_signature():
    assert (probe.__name__, probe.__doc__) == ("probe", "Say what was asked.")
    assert list(inspect.signature(probe).parameters) == ["net", "image", "unit", "steps"]
    assert inspect.signature(probe).parameters["steps"].default == 5
    assert knobs.subjects(probe) == ["net", "image", "unit"]
    assert knobs.schema(probe)["steps"]["minimum"] == 1


@pytest.mark.parametrize("call", [
    lambda net: probe(net, GREY, " 0 : 3 "),
    lambda net: probe(net, GREY, unit=cs.Unit("0", 3)),
    lambda net: probe(steps="5", unit="0:3", image=GREY, net=net),
])  # fmt: skip
def test_subjects_are_read_and_knobs_checked_however_they_are_given(tiny, call):
    result = call(tiny)
    assert result.unit == cs.Unit("0", 3)
    assert result.evidence == {"image": "Image", "steps": 5}


def test_the_result_carries_the_request_with_all_knobs(tiny):
    request = probe(tiny, "sample:cat", "0:3").request
    assert request.technique == "probe"
    assert request.knobs == {"steps": 5}
    assert request.subjects == {
        "net": {"reference": "", "digest": tiny.digest},
        "image": {"reference": "sample:cat", "digest": cs.open_image("sample:cat").digest},
        "unit": {"reference": "0:3"},
    }
    assert request.python() == "cs.probe(net, 'sample:cat', '0:3', steps=5)"
    assert cs.Request.from_json(request.to_json()) == request


def test_the_same_question_has_the_same_digest_and_another_one_not(tiny):
    asked = probe(tiny, cs.samples()["cat"].path, "0:3", steps=5).request.digest
    assert probe(tiny, "sample:cat", cs.Unit("0", 3)).request.digest == asked
    assert probe(tiny, "sample:coffee", "0:3").request.digest != asked
    assert probe(tiny, "sample:cat", "0:4").request.digest != asked
    assert probe(tiny, "sample:cat", "0:3", steps=6).request.digest != asked


def test_a_label_and_a_number_ask_the_same_question(tiny):
    net = cs.Network(tiny.module, size=32, labels=["cat", "dog", "cow", "sow", "hen"])
    by_label, by_number = probe(net, GREY, "logits:sow").request, probe(net, GREY, "logits:3").request
    assert by_label == by_number


def test_a_layer_is_read_as_a_whole(tiny):
    assert browse(tiny, "0").request.subjects["layer"] == {"reference": "0"}
    with pytest.raises(UnknownUnit, match=r"0:3 is one channel; this needs a whole layer. Use 0."):
        browse(tiny, "0:3")


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda net: probe(net, GREY), BadKnob, r"probe takes net, image, unit, then knobs by name: probe\(net"),
        (lambda net: probe(), BadKnob, "probe takes net, image, unit, then knobs by name"),
        (lambda net: probe(net, GREY, "0:3", 5), BadKnob, "probe takes net, image, unit, then knobs by name"),
        (lambda net: probe(net, GREY, "0:3", unit="0:2"), BadKnob, "unit"),
        (lambda net: probe(net, GREY, "0:3", step=3), BadKnob, "probe has no knob 'step'. Nearest: steps."),
        (lambda net: probe(net, GREY, "0:3", steps=0), BadKnob, "steps must be greater than or equal to 1, not 0"),
        (lambda net: browse(net, "0", steps=1), BadKnob, "browse has no knob 'steps'. It has none."),
        (lambda net: probe(net.module, GREY, "0:3"), BadKnob, "net must be a Network, not Sequential.*cs.Network"),
        (lambda net: probe("lite0", GREY, "0:3"), BadKnob, "net must be a Network, not str. Use cs.load"),
        (lambda net: probe(net, "nowhere.png", "0:3"), BadImage, "There is no file nowhere.png"),
        (lambda net: probe(net, GREY, "9:3"), UnknownLayer, "tiny has no layer '9'"),
        (lambda net: probe(net, GREY, "0:6"), UnknownUnit, "numbered 0 to 5, not 6"),
        (lambda net: browse(net, "9"), UnknownLayer, "tiny has no layer '9'"),
    ],
)
def test_a_call_that_cannot_be_is_refused_before_the_function_runs(tiny, call, error, says):
    with pytest.raises(error, match=says):
        call(tiny)


@pytest.mark.parametrize("call", [
    lambda ask, net: ask(net, "sample:cat", " 0 : 3 "),
    lambda ask, net: ask(steps="7", unit=cs.Unit("0", 3), image=GREY, net=net),
    lambda ask, net: ask(net, cs.samples()["cat"].path, "0:3", steps=2),
])  # fmt: skip
def test_the_request_of_a_call_is_that_of_its_result(tiny, call):
    asked = call(probe.request, tiny)
    assert asked == call(probe, tiny).request
    assert asked.digest == call(probe, tiny).request.digest
    assert wade.request(tiny, "7", "0:3") == wade(tiny, "7", "0:3").request


def test_a_request_alone_does_not_run_the_technique(tiny):
    ran = []

    @technique
    def costly(net: Network, unit: UnitLike) -> Result:
        """Say that it ran."""
        ran.append(unit)
        return Result(values=np.zeros(1, np.float32), unit=unit, network=net.name, evidence={})

    assert costly.request(tiny, "0:3").technique == "costly" and not ran
    costly(tiny, "0:3")
    assert ran == [cs.Unit("0", 3)]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda net: probe.request(net, GREY), BadKnob),
        (lambda net: probe.request(net, GREY, "0:3", steps=0), BadKnob),
        (lambda net: probe.request(net, GREY, "9:3"), UnknownLayer),
        (lambda net: probe.request(net, "nowhere.png", "0:3"), BadImage),
        (lambda net: probe.request(net, [GREY, GREY], "0:3"), BadImage),
    ],
)
def test_a_request_is_refused_as_the_call_is(tiny, call, error):
    with pytest.raises(error):
        call(tiny)
