"""What every technique must do, generated from the catalog."""

from __future__ import annotations

import copy
import functools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

import convscope as cs
from convscope.catalog.catalog import CATALOG, CatalogEntry, entry
from convscope.catalog.rerun import rerun
from convscope.contract import knobs
from convscope.contract.request import Request
from convscope.explorer.jobs.jobs import JobList
from convscope.explorer.workspace.workspace import Workspace
from convscope.fronts.server.app import Served, make_app
from convscope.fronts.server.events import Events
from convscope.store import Store
from convscope.view.figures.registry import drawer_of

SMALL = f"{Path(__file__).with_name('small.py')}:small"
NETWORKS = {"small": SMALL, "lite0": "lite0"}
SUBJECTS = {"unit": "blocks.0.0:3", "layer": "conv_stem"}
CLASS = {"fooling": "logits:gibbon"}  # techniques whose unit must be one
SUBJECTS |= {"content": "sample:cat", "style": "sample:coffee", "other": "lite0"}
SUBJECTS |= {"selection": "cold"}
QUICK = {  # knobs for techniques that take their time with the defaults
    "smoothgrad": {"samples": 3},
    "vargrad": {"samples": 3},
    "integrated_gradients": {"steps": 3, "limit": 5},
    "occlusion": {"size": 20, "stride": 14},
    "connections": {"draws": 2},
    "rise": {"samples": 9},
    "perturbation_mask": {"steps": 3},
    "insertion_deletion": {"steps": 3},
    "sanity_check": {"layers": 2},
    "maximize": {"steps": 2, "size": 64},
    "sheet": {"steps": 2, "size": 64, "channels": 2},
    "invert": {"steps": 3},
    "dream": {"octaves": 2, "steps": 2, "size": 96},
    "style": {"steps": 2, "size": 96},
    "compare": {"methods": "saliency,gradcam", "steps": 3},
    "embed": {"iterations": 9},
    "flipped_units": {"layers": "conv_stem,classifier", "draws": 2},
    "margin_path": {"layers": "blocks.6,classifier", "steps": 2, "limit": 2},
    "compare_networks": {"layers": "conv_stem,blocks.0.0.conv_dw", "draws": 2},
    "separating_units": {"layers": "conv_stem", "top": 2, "patches": 1, "painted": 1, "steps": 2},
    "bim": {"steps": 2},
    "pgd": {"steps": 2},
    "mifgsm": {"steps": 2},
    "deepfool": {"steps": 1, "top": 2},
    "cw": {"steps": 2, "searches": 1},
    "minimal": {"steps": 1, "begin": 1},
    "fooling": {"steps": 2},
    "universal": {"rounds": 1},
}

PHOTOS = 12  # of each of two classes


@pytest.fixture(scope="module", autouse=True)
def photos(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Parts of the bundled photos in two folders, of which one has more blue; whose ids lie evenly in both halves."""
    folder, photos = (
        tmp_path_factory.mktemp("photos"),
        [cs.open_image(f"sample:{name}").pixels for name in cs.samples()],
    )
    rng = np.random.default_rng(0)
    for number, name in enumerate(["warm", "cold"] * PHOTOS):
        (folder / name).mkdir(exist_ok=True)
        photo = photos[number % len(photos)]
        top, left = (int(rng.integers(0, extent - 63)) for extent in photo.shape[:2])
        shade = np.array([1, 1, 1.4] if name == "cold" else [1.2, 1, 0.7])
        part = (photo[top : top + 64, left : left + 64] * shade).clip(0, 255).astype(np.uint8)
        cs.open_image(part).save(folder / name / f"{number:02}.png")
    SUBJECTS["source"], SUBJECTS["image"] = str(folder), str(folder / "warm" / "00.png")
    SUBJECTS["changed"] = str(folder / "cold" / "01.png")
    return SUBJECTS["source"]


each = pytest.mark.parametrize("technique", CATALOG, ids=lambda technique: technique.name)


@pytest.fixture(scope="module", autouse=True, params=["small", pytest.param("lite0", marks=pytest.mark.sweep)])
def net(request: pytest.FixtureRequest) -> cs.Network:
    """What all is asked of: a small network, and in the sweep one with the weights of ImageNet."""
    SUBJECTS["net"] = NETWORKS[request.param]
    return cs.load(NETWORKS[request.param])


@pytest.fixture(scope="module", autouse=True)
def scan(net: cs.Network, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A scan of the bundled photos, made once."""
    folder = tmp_path_factory.mktemp("scan")
    cs.scan(net, cs.samples()["cat"].path.parent, folder, layers="blocks.0.0", top=3)
    SUBJECTS["scan"] = str(folder)
    return SUBJECTS["scan"]


def about(technique: CatalogEntry) -> dict[str, str]:
    """The subjects of a technique, by name: `fooling` is about a class."""
    known = SUBJECTS | ({"unit": CLASS[technique.name]} if technique.name in CLASS else {})
    return {name: known[name] for name in technique.subjects}


def subjects(technique: CatalogEntry, net: cs.Network) -> list[object]:
    return [net if name == "net" else word for name, word in about(technique).items()]


def ask(technique: CatalogEntry, net: cs.Network) -> cs.Result:
    return technique.function(*subjects(technique, net), **QUICK.get(technique.name, {}))


@pytest.fixture(scope="module")
def results(net: cs.Network, scan: str, photos: str) -> dict[str, cs.Result]:
    return {technique.name: ask(technique, net) for technique in CATALOG}


@pytest.fixture(scope="module")
def saved(results: dict[str, cs.Result], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """`saved("dream")` is the picture of a technique's result, drawn once."""
    folder = tmp_path_factory.mktemp("pictures")
    return functools.cache(lambda name: results[name].save(folder / f"{name}.png").read_bytes())


@pytest.fixture(scope="module")
def browser(
    net: cs.Network, lite0: cs.Network, scan: str, photos: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    """What a browser talks to."""
    store = Store(tmp_path_factory.mktemp("store"))
    workspace = Workspace({net.name: lambda: net} | {"lite0": lambda: lite0}, store, photos)
    workspace.begin()
    workspace.use_scan(cs.open_scan(scan), Path(scan))
    for name in ("image", "changed"):
        workspace.pictures.add(cs.open_image(SUBJECTS[name]), name)
    events = Events()
    jobs = JobList(workspace, events.tell).begin()
    app = make_app(Served(workspace, jobs, events, "token"), {"testserver"})
    with TestClient(app, headers={"Authorization": "Bearer token"}) as client:
        yield client
    workspace.store.close()


@each
def test_a_browser_gets_the_same_digest_and_bytes(
    technique: CatalogEntry,
    results: dict[str, cs.Result],
    saved: Callable[[str], bytes],
    browser: TestClient,
    net: cs.Network,
) -> None:
    ids = {row["reference"]: row["id"] for row in browser.get("/api/session").json()["images"]}
    words = {name: about(technique)[name] for name in technique.subjects[1:] if technique.function.kinds[name].named}
    pictures = ("image", "changed", "content", "style")
    given = {name: ids[word] if name in pictures else word for name, word in words.items()}
    ask = {
        "network": net.name,
        "technique": technique.name,
        "subjects": given,
        "knobs": QUICK.get(technique.name, {}),
    }
    job = browser.post("/api/submit", json=ask).json()
    result = results[technique.name]
    assert result.request is not None and job["artifact"] == result.request.digest, job
    end = time.monotonic() + 120
    while job["state"] not in ("done", "failed") and time.monotonic() < end:
        time.sleep(0.05)
        job = next(row for row in browser.get("/api/jobs").json()["jobs"] if row["id"] == job["id"])
    assert job["state"] == "done", job
    picture = browser.get(f"/api/artifacts/{job['artifact']}.png").content
    assert picture == saved(technique.name)


@each
def test_it_is_public_under_its_name(technique: CatalogEntry) -> None:
    assert getattr(cs, technique.name) is technique.function
    assert technique.summary == (technique.function.__doc__ or "").partition("\n")[0]
    assert technique.summary.endswith(".")


@each
def test_library_and_command_line_give_the_same_digest_and_bytes(
    technique: CatalogEntry, results: dict[str, cs.Result], saved: Callable[[str], bytes], tmp_path: Path
) -> None:
    from click.testing import CliRunner

    from convscope.fronts.cli.main import convscope

    picture = tmp_path / "x.png"
    words = [*about(technique).values()]
    for name, value in QUICK.get(technique.name, {}).items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    ran = CliRunner().invoke(convscope, [technique.command, *words, "--json", "-o", str(picture)])
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.output)
    result = results[technique.name]
    assert result.request is not None and told["digest"] == result.request.digest
    assert Request.from_json(json.dumps(told["request"])) == result.request
    assert saved(technique.name) == picture.read_bytes()


ATTACKS = ("fgsm", "bim", "pgd", "mifgsm", "deepfool", "cw", "minimal", "fooling")
LISTS = {
    "compare": {"methods": (["saliency", "gradcam"], "saliency,gradcam")},
    "embed": {"perplexity": ([2, 1.5], "2,1.5")},
    "compare_networks": {
        "layers": (["conv_stem", "classifier"], "conv_stem,classifier"),
        "other_layers": (["conv_stem", "classifier"], "conv_stem,classifier"),
    },
    "separating_units": {"layers": (["conv_stem", "blocks.0.0"], "conv_stem,blocks.0.0")},
    "flipped_units": {"layers": (["conv_stem", "classifier"], "conv_stem,classifier")},
    "margin_path": {"layers": (["blocks.6", "classifier"], "blocks.6,classifier")},
    "maximize": {"judges": (["lite0", "lite1"], "lite0,lite1")},
    "pointing_game": {"box": ([1, 2, 30, 40], "1,2,30,40")},
    **{name: {"judges": (["lite0", "lite1"], "lite0,lite1")} for name in ATTACKS},
    "style": {
        "blend": ([2, 1], "2;1"),
        "content_layers": (["blocks.3"], "blocks.3"),
        "style_layers": (["bn1.act", "0.5*blocks.1"], "bn1.act; 0.5*blocks.1"),
        "masks": (["sample:cat", "sample:coffee"], "sample:cat; sample:coffee"),
    },
}


@each
def test_a_list_and_text_are_the_same_request(technique: CatalogEntry, net: cs.Network) -> None:
    marked = [name for name, mark in knobs._marks(technique.function) if isinstance(mark, knobs.Several)]
    assert marked == [*LISTS.get(technique.name, {})]
    for name, pair in LISTS.get(technique.name, {}).items():
        ask = technique.function.request
        one, other = (ask(*subjects(technique, net), **{name: given}) for given in pair)
        assert one == other and one.digest == other.digest and one.python() == other.python()


@each
def test_its_result_is_frozen_and_carries_evidence(
    technique: CatalogEntry, results: dict[str, cs.Result], net: cs.Network
) -> None:
    result = results[technique.name]
    assert type(result) is technique.result and result.values.dtype == np.float32 and np.isfinite(result.values).all()
    assert result.network == net.name and result.evidence and json.loads(json.dumps(result.summary()))
    with pytest.raises(AttributeError):
        result.values = None  # type: ignore[misc]


@each
def test_a_rerun_on_the_same_network_has_the_same_answer_and_leaves_the_module_alone(
    technique: CatalogEntry, results: dict[str, cs.Result], net: cs.Network
) -> None:
    before = copy.deepcopy(net.module.state_dict())
    hooks = [len(part._forward_hooks) for part in net.module.modules()]
    result = results[technique.name]
    assert result.request is not None
    again = rerun(result.request, network=net)
    assert np.array_equal(again.values, result.values) and again.request == result.request
    assert all(torch.equal(value, before[name]) for name, value in net.module.state_dict().items())
    assert hooks == [len(part._forward_hooks) for part in net.module.modules()]
    assert all(parameter.grad is None for parameter in net.module.parameters())


@each
def test_defaults_are_within_bounds_and_every_knob_has_a_sentence(technique: CatalogEntry) -> None:
    for function in (technique.function, drawer_of(technique.result)):
        schema = knobs.schema(function)
        assert knobs.check(function, {}) == {name: row["default"] for name, row in schema.items()}
        assert all(row["description"] for row in schema.values())


@each
def test_unknown_and_out_of_bounds_knobs_are_refused_by_name(technique: CatalogEntry, net: cs.Network) -> None:
    with pytest.raises(cs.ConvscopeError, match="no knob 'nonsense'"):
        technique.function(*subjects(technique, net), nonsense=1)
    for name, row in technique.schema.items():
        bad = row["maximum"] + 1 if "maximum" in row else "nonsense"
        with pytest.raises(cs.ConvscopeError, match=f"{name} must be .*, not {bad!r}"):
            technique.function(*subjects(technique, net), **{name: bad})


@each
def test_choices_of_the_picture_and_knobs_do_not_share_names(technique: CatalogEntry) -> None:
    assert not set(technique.schema) & set(knobs.schema(drawer_of(technique.result)))


@each
def test_it_shows_itself_in_ipython(technique: CatalogEntry, results: dict[str, cs.Result]) -> None:
    from IPython.core.formatters import DisplayFormatter

    shown, _ = DisplayFormatter().format(results[technique.name])
    assert shown["image/png"].startswith(b"\x89PNG")


def test_an_unknown_technique_is_named_with_its_nearest() -> None:
    assert entry("guided-backprop") is entry("guided_backprop")
    with pytest.raises(cs.ConvscopeError, match="Nearest: saliency"):
        entry("salience")
