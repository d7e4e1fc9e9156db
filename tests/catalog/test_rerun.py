"""A picture holds its request, and the request makes the same bytes."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest

import convscope as cs
from convscope.view.encode.png import request_in

COMMANDS = [
    ["weights", "lite0", "conv_stem"],
    ["activations", "lite0", "PHOTO", "blocks.3", "--sort", "max", "--top", "9"],
    ["guided-backprop", "lite0", "PHOTO", "logits:tabby", "--style", "color"],
    ["input-x-gradient", "lite0", "PHOTO", "logits:tabby - 0.5*logits:tiger cat"],
    ["saliency", "lite0", "PHOTO", "-1*logits:tabby + conv_stem:3"],
    ["embed", "lite0", "samples", "conv_stem", "--iterations", "3", "--style", "filled", "--size", "400"],
    ["deconvnet", "torchvision:alexnet", "PHOTO", "features.3:7@4,4", "--weights", "none"],
]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return Path(shutil.copy(cs.samples()["cat"].path, tmp_path / "photo.jpg"))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_rerun_makes_the_same_bytes(convscope, tmp_path: Path, photo: Path, command: list[str]) -> None:
    picture, again = tmp_path / "picture.png", tmp_path / "again.png"
    assert convscope(*[str(photo) if word == "PHOTO" else word for word in command], "-o", picture).code == 0
    assert convscope("rerun", picture).code == 0
    assert json.loads(convscope("rerun", picture, "-o", again, "--json").out)["same_bytes"] is True
    assert again.read_bytes() == picture.read_bytes()


@pytest.fixture
def picture(convscope, tmp_path: Path, photo: Path) -> Path:
    path = tmp_path / "picture.png"
    assert convscope("saliency", "lite0", photo, "conv_stem:3", "-o", path).code == 0
    return path


def test_an_image_that_moved_is_found_beside_the_picture_or_where_it_is_said_to_be(
    convscope, picture: Path, photo: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    moved = Path(shutil.move(photo, folder / "renamed.jpg"))
    ran = convscope("rerun", picture)
    assert ran.code == 2 and "--image" in ran.err
    assert convscope("rerun", picture, "--image", moved).code == 0
    moved.rename(folder / "photo.jpg")
    shutil.move(picture, folder)
    assert convscope("rerun", folder / "picture.png").code == 0


def test_another_image_under_the_same_name_is_refused(convscope, picture: Path, photo: Path) -> None:
    shutil.copy(cs.samples()["coffee"].path, photo)
    ran = convscope("rerun", picture)
    assert ran.code == 2 and "contents changed" in ran.err


def test_a_picture_that_comes_out_differently_is_left_alone(convscope, picture: Path) -> None:
    with PIL.Image.open(picture) as old:
        info = PIL.PngImagePlugin.PngInfo()
        info.add_itxt("convscope", old.text["convscope"])
        old.convert("L").save(picture, pnginfo=info)
    before = picture.read_bytes()
    ran = convscope("rerun", picture)
    assert ran.code == 2 and "other bytes" in ran.out and picture.read_bytes() == before


def test_pictures_without_a_request_are_refused(convscope, picture: Path, photo: Path, tmp_path: Path, tiny) -> None:
    with PIL.Image.open(picture) as old:
        old.save(tmp_path / "stripped.png")
    for path, words in ((tmp_path / "stripped.png", "holds no request"), (photo, "not a PNG")):
        ran = convscope("rerun", path)
        assert ran.code == 2 and words in ran.err
    cs.weights(tiny, next(n for n, row in tiny.layers.items() if row.kind == "Conv2d")).save(tmp_path / "mine.png")
    ran = convscope("rerun", tmp_path / "mine.png")
    assert ran.code == 2 and "from memory" in ran.err


def holding(path: Path, text: str) -> Path:
    """A PNG whose request is this text."""
    info = PIL.PngImagePlugin.PngInfo()
    info.add_itxt("convscope", text)
    PIL.Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    return path


@pytest.mark.parametrize(
    "text",
    ["[" * 5000, '{"a":' * 5000, "", "null", "[]", '{"technique": "\\ud800"}', '{"technique": 1, "subjects": {}}'],
    ids=["lists", "objects", "nothing", "null", "list", "half a pair", "number"],
)
def test_a_request_that_cannot_be_read_is_refused(convscope, tmp_path: Path, text: str) -> None:
    ran = convscope("rerun", holding(tmp_path / "foreign.png", text))
    assert ran.code == 2 and ran.out == "" and ran.err.count("\n") == 1
    assert "The request in" in ran.err and "foreign.png cannot be read" in ran.err


def test_what_is_no_picture_for_any_reason_is_refused(convscope, tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes(holding(tmp_path / "whole.png", "{}").read_bytes()[:40])
    for path in (tmp_path / "cut.png", tmp_path / "nowhere.png", tmp_path / ("a" * 300), tmp_path):
        ran = convscope("rerun", path)
        assert ran.code == 2 and "is not a PNG that can be read" in ran.err


@pytest.mark.parametrize(
    ("reference", "weights", "told"),
    [
        ("torchvision:alexnet", "default", True),
        ("timm:resnet18", "default", True),
        ("torchvision:alexnet", "none", False),
        ("timm:resnet18", "here.safetensors", False),
        ("lite0", "default", False),
    ],
)
def test_weights_that_a_picture_has_fetched_are_told_before(
    convscope, picture: Path, monkeypatch: pytest.MonkeyPatch, reference: str, weights: str, told: bool
) -> None:
    def unreachable(*_: object) -> None:
        raise cs.ConvscopeError("There is no network here.")

    monkeypatch.setattr("convscope.zoo.zoo.published", unreachable)
    with PIL.Image.open(picture) as old:
        asked = json.loads(old.text["convscope"])
    asked["subjects"]["net"] |= {"reference": reference, "weights": weights}
    ran = convscope("rerun", holding(picture, json.dumps(asked)))
    assert ran.code == 2 and ran.err.endswith("Error: There is no network here.\n")
    assert ran.err.startswith(f"Note: {picture} asks for the weights of {reference}") == told


@pytest.fixture(scope="module")
def scanned_photos(lite0, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, and a scan of them by the embedded network beside."""
    folder = tmp_path_factory.mktemp("scanned")
    shutil.copytree(cs.samples()["cat"].path.parent, folder / "photos")
    cs.scan(lite0, folder / "photos", folder / "scan", layers="bn1.act,conv_head", top=3)
    return folder


@pytest.fixture
def scanned(scanned_photos: Path, tmp_path: Path) -> Path:
    """A copy of that scan."""
    return Path(shutil.copytree(scanned_photos / "scan", tmp_path / "scan"))


@pytest.fixture
def moved(scanned_photos: Path) -> Iterator[None]:
    """Its photos are elsewhere."""
    away = shutil.move(scanned_photos / "photos", scanned_photos / "moved")
    yield
    shutil.move(away, scanned_photos / "photos")


def test_patches_are_made_again_while_the_scan_is_the_same(
    convscope, lite0, scanned_photos: Path, scanned: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.png"
    assert convscope("patches", "lite0", scanned, "bn1.act:3", "-o", picture).code == 0
    assert convscope("rerun", picture).code == 0
    (tmp_path / "elsewhere").mkdir()
    shutil.move(scanned, tmp_path / "elsewhere")
    ran = convscope("rerun", picture)
    assert ran.code == 2 and "holds no scan" in ran.err and "beside the picture" in ran.err
    shutil.move(picture, tmp_path / "elsewhere")
    assert convscope("rerun", tmp_path / "elsewhere" / "picture.png").code == 0
    cs.scan(lite0, scanned_photos / "photos", scanned, layers="bn1.act", top=2)
    shutil.move(tmp_path / "elsewhere" / "picture.png", picture)
    ran = convscope("rerun", picture)
    assert ran.code == 2 and "The scan" in ran.err and "contents changed" in ran.err


def test_patches_of_a_scan_in_memory_cannot_be_made_again(convscope, lite0, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    scan = cs.scan(lite0, cs.samples()["cat"].path.parent, layers="bn1.act", top=3)
    cs.patches(lite0, scan, "bn1.act:3").save(picture)
    ran = convscope("rerun", picture)
    assert ran.code == 2 and "scan in memory" in ran.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["lite0", "nowhere", "bn1.act:3"], "nowhere holds no scan"),
        (["lite0", "half", "bn1.act:3"], "half holds an unfinished scan"),
        (["lite0", "scan", "blocks.0.0:3"], "Scan with layers=blocks.0.0"),
        (["lite0", "scan", "bn1.act:99"], "numbered 0 to 31"),
        (["lite0", "scan", "bn1.act:3", "--weights", "none"], "with other weights or preprocessing"),
        (["lite0", "scan", "bn1.act:3", "--top", "many"], "top must be"),
        (["lite0", "scan", "bn1.act:3"], "open_scan("),
    ],
)
def test_what_patches_cannot_show_is_one_sentence_and_exit_code_2(
    convscope, scanned: Path, moved: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "half" / "parts").mkdir(parents=True)
    ran = convscope("patches", *words, "-o", tmp_path / "x.png")
    assert ran.code == 2 and says in ran.err and ran.err.count("\n") == 1
    assert not (tmp_path / "x.png").exists()


def test_a_view_is_predicted_and_asked_about_as_the_photo_it_is_of_and_made_again(
    convscope, lite0, tmp_path: Path
) -> None:
    view, figure = lite0.view("sample:coffee").save(tmp_path / "view.png"), tmp_path / "figure.png"
    told = [convscope("predict", "lite0", image, "--json").out for image in ("sample:coffee", view)]
    assert told[0] == told[1]
    ran = convscope("saliency", "lite0", view, "conv_stem:3", "-o", figure)
    assert ran.code == 0 and "view: the picture is a network's view of 224 × 224 px: used as it is" in ran.out
    assert json.loads(convscope("rerun", figure, "--json").out)["same_bytes"] is True
    cs.open_image(cs.open_image(view).pixels).save(view)  # the same pixels, without the mark
    ran = convscope("rerun", figure)
    assert ran.code == 2 and "contents changed" in ran.err


NETWORK = """
from pathlib import Path
import torch
from torch import nn
import convscope as cs

Path(__file__).with_suffix(".ran").touch()
print("run")

class Loud(nn.ReLU):
    def forward(self, x):
        print(x.shape)
        return super().forward(x)

def build():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), Loud(), nn.Flatten(), nn.Linear(784, 3))
    return cs.Network(module, size=16, name="own")
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that makes a network, and a mark beside it once it was run."""
    (tmp_path / "mynet.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path / "mynet.ran"


def test_a_picture_never_runs_the_code_it_names_and_does_what_the_user_names(
    convscope, own: Path, tmp_path: Path
) -> None:
    words = ["mynet.py:build", "sample:cat", "0:1"]
    assert convscope("saliency", *words, "-o", "picture.png").code == 0 and own.exists()
    assert "cs.load('mynet.py:build')" in request_in(tmp_path / "picture.png").python()
    own.unlink()
    ran = convscope("rerun", "picture.png")
    assert ran.code == 2 and "'mynet.py:build'" in ran.err and "--network FILE.py:NAME" in ran.err
    assert ran.err.count("\n") == 1 and not own.exists()
    assert convscope("rerun", "picture.png", "--network", "mynet.py:build").code == 0 and own.exists()
    (tmp_path / "mynet.py").write_text(NETWORK.replace("(3, 4, 3)", "(3, 4, 3, bias=False)"))
    ran = convscope("rerun", "picture.png", "--network", "mynet.py:build")
    assert ran.code == 2 and "contents changed" in ran.err


def test_a_picture_of_a_module_in_memory_is_made_again_by_what_makes_the_module(convscope, own: Path, tiny) -> None:
    net = cs.load("mynet.py:build")
    cs.saliency(cs.Network(net.module, size=16), "sample:cat", "0:1").save("mine.png")
    ran = convscope("rerun", "mine.png")
    assert ran.code == 2 and "from memory" in ran.err and "--network FILE.py:NAME" in ran.err
    assert json.loads(convscope("rerun", "mine.png", "--network", "mynet.py:build", "-o", "x.png", "--json").out)


def test_a_network_named_in_a_knob_of_a_picture_is_not_run_either(convscope, own: Path, tmp_path: Path) -> None:
    request = cs.maximize.request(cs.load("lite0"), "logits:1", judges="mynet.py:build", steps=2, size=64)
    info = PIL.PngImagePlugin.PngInfo()
    info.add_itxt("convscope", request.to_json())
    PIL.Image.new("RGB", (4, 4)).save("forged.png", pnginfo=info)
    ran = convscope("rerun", "forged.png")
    assert ran.code == 2 and "judges must be names of networks" in ran.err and not own.exists()


@pytest.mark.parametrize(
    "command",
    [
        ["layers"],
        ["predict", "sample:cat"],
        ["report", "sample:cat", "-o", "r.html"],
        ["scan", "photos", "-o", "scan", "--workers", "0"],
        ["occlusion", "sample:cat", "logits:1"],
        ["maximize", "0:1", "--steps", "2", "--size", "16"],
    ],
    ids=lambda words: words[0],
)
def test_every_verb_and_technique_takes_a_network_of_ones_own(
    convscope, own: Path, tmp_path: Path, command: list[str]
) -> None:
    shutil.copytree(cs.samples()["cat"].path.parent, tmp_path / "photos")
    ran = convscope(command[0], "mynet.py:build", *command[1:], "--json")
    assert ran.code == 0 and json.loads(ran.out) and own.exists()
    ran = convscope(command[0], "mynet.py:biuld", *command[1:])
    wrong = "run\nError: mynet.py has no 'biuld'. Nearest: build. Name what makes the network.\n"
    assert ran.code == 2 and ran.out == "" and ran.err == wrong
