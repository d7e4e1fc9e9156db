"""The command line as a user meets it: what it prints, what it writes, what it refuses."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

import convscope as cs
from convscope.catalog.catalog import CATALOG
from convscope.fronts.cli import verbs


def test_help_lists_every_technique_and_verb_without_importing_torch() -> None:
    code = (
        "import sys; from convscope.fronts.cli import main as cli; sys.argv = ['convscope', '--help']\n"
        "try: cli.command_line()\nexcept SystemExit as stop: assert not stop.code\n"
        "assert 'torch' not in sys.modules and 'timm' not in sys.modules"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in [entry.command for entry in CATALOG] + ["layers", "predict", "report", "rerun", "samples"]:
        assert f"\n  {name} " in ran.stdout
    for entry in CATALOG:
        assert entry.summary.split()[0] in ran.stdout


def test_an_error_is_one_sentence_and_exit_code_2_in_a_real_process(tmp_path: Path) -> None:
    output = tmp_path / "missing" / "cat.png"
    command = [sys.executable, "-m", "convscope", "saliency", "lite0", "sample:cat", "logits:tabby", "-o", str(output)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 2 and ran.stdout == ""
    assert ran.stderr == f"Error: The folder {output.parent} does not exist. Create it, or write somewhere else.\n"
    assert list(tmp_path.iterdir()) == []


def test_layers_prints_the_table_and_its_json(convscope) -> None:
    ran = convscope("layers", "lite0")
    assert ran.code == 0 and ran.out.splitlines()[0].split() == ["layer", "kind", "shape", "units"]
    rows = json.loads(convscope("layers", "lite0", "--json").out)
    assert rows[0] == {"name": "input", "kind": "input", "shape": [3, 224, 224], "units": 3, "calls": 1}
    assert rows[-1]["name"] == "logits" and len(rows) == len(ran.out.splitlines()) - 1


def test_layers_lists_what_functions_put_out_on_request(convscope) -> None:
    plain, ran = convscope("layers", "lite0"), convscope("layers", "lite0", "--functions")
    assert ran.code == 0 and [line for line in ran.out.splitlines() if "@" not in line.split()[0]]
    rows = json.loads(convscope("layers", "lite0", "--functions", "--json").out)
    sums = [row["name"] for row in rows if row["kind"] == "add"]
    assert sums and all(name.endswith(".add@1") for name in sums) and "@" not in plain.out


def test_predict_prints_the_classes_and_their_json(convscope, lite0) -> None:
    ran = convscope("predict", "lite0", "sample:coffee", "--top", 2)
    assert ran.code == 0 and len(ran.out.splitlines()) == 2 and "espresso" in ran.out.splitlines()[0]
    rows = json.loads(convscope("predict", "lite0", "sample:coffee", "--top", 2, "--json").out)
    assert [(r["label"], r["index"]) for r in rows] == [p[:2] for p in lite0.predict("sample:coffee", 2)]


def test_predict_prints_a_block_for_each_of_several_images(convscope, lite0) -> None:
    names = ["sample:coffee", "sample:cat", "sample:coffee"]
    blocks = convscope("predict", "lite0", *names, "--top", 2).out.rstrip().split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == names and blocks[0] == blocks[2]
    assert "espresso" in blocks[0].splitlines()[1] and len(blocks[1].splitlines()) == 3
    rows = json.loads(convscope("predict", "lite0", *names, "--top", 2, "--json").out)
    assert [row["image"] for row in rows] == names
    for row, found in zip(rows, lite0.predict(names, 2), strict=True):
        assert [(r["label"], r["index"], r["probability"]) for r in row["classes"]] == found
    refused = convscope("predict", "lite0", "sample:cat", "nowhere.jpg")
    assert refused.code == 2 and "no file nowhere.jpg" in refused.err and refused.out == ""


def test_samples_names_the_author_of_each(convscope) -> None:
    rows = json.loads(convscope("samples", "--json").out)
    assert {row["name"] for row in rows} == {f"sample:{name}" for name in cs.samples()}
    assert all(row["by"] in convscope("samples").out for row in rows)


def test_a_partial_weights_file_is_a_note_on_stderr(convscope, headless: Path) -> None:
    net = "torchvision:squeezenet1_1"
    ran = convscope("activations", net, "sample:cat", "features.2", "--weights", headless, "--json")
    assert ran.code == 0 and ran.err.startswith("Note: ") and "classifier" in ran.err
    assert json.loads(ran.out)["values"]["shape"] == [64, 55, 55]
    refused = convscope("predict", net, "sample:cat", "--weights", headless)
    assert refused.code == 2 and "classifier" in refused.err


def test_progress_is_reported_step_by_step(monkeypatch: pytest.MonkeyPatch, lite0, tmp_path: Path) -> None:
    from convscope.base.progress import listening
    from convscope.fronts.report import report

    monkeypatch.setattr(report, "_seen", lambda *_: "")  # what takes long, and other tests look at
    steps: list[tuple[int, int]] = []
    with listening(lambda step, total, _preview: steps.append((step, total))):
        report.write_report(lite0, [cs.open_image("sample:cat")], tmp_path / "r.html")
    assert steps == [(1, 2), (2, 2)]


def test_ctrl_c_ends_with_130_and_leaves_no_file(convscope, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verbs, "write_report", interrupted)
    ran = convscope("report", "lite0", "sample:cat", "-o", tmp_path / "r.html")
    assert ran.code == 130 and "Stopped" in ran.err and list(tmp_path.iterdir()) == []


def bomb(path: Path) -> Path:
    """A PNG header that promises 20,000 × 20,000 pixels, and one line of them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(60_001))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    return path


def text(path: Path) -> Path:
    path.write_text("no picture")
    return path


def pixel(path: Path) -> Path:
    PIL.Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save(path)
    return path


@pytest.mark.parametrize(
    ("make", "words"), [(bomb, "64 million"), (text, "not an image"), (pixel, "more than one pixel")]
)
def test_images_that_cannot_be_used_are_refused(convscope, tmp_path: Path, make, words: str) -> None:
    ran = convscope("predict", "lite0", make(tmp_path / "picture.png"))
    assert ran.code == 2 and words in ran.err and ran.out == "" and ran.err.startswith("Error: ")


BAD = {
    "network": (["layers", "resnet18"], "torchvision:resnet18"),
    "torchvision": (["layers", "torchvision:resnet81", "--weights", "none"], "resnet18"),
    "timm": (["layers", "timm:convnext_nanu", "--weights", "none"], "convnext_nano"),
    "command": (["salience", "lite0"], "There is no command 'salience'. Nearest: saliency."),
    "no such command": (["tsne", "lite0"], "There is no command 'tsne'. There are: weights, activations, "),
    "option": (["saliency", "lite0", "--outptu", "x.png"], "There is no option --outptu. Nearest: --output"),
    "other word": (
        ["occlusion", "lite0", "sample:cat", "logits:1", "--patch", "16"],
        "no option --patch. Nearest: --size",
    ),
    "label": (
        ["saliency", "lite0", "sample:cat", "tabby"],
        "has no layer 'tabby'; the class is logits:tabby.",
    ),
    "label of two": (
        ["saliency", "lite0", "sample:cat", "Lab_Coat"],
        "has no layer 'Lab_Coat'; the class is logits:Lab_Coat.",
    ),
    "scan": (["patches", "lite0", "nowhere", "bn1:3"], "convscope scan NETWORK SOURCE -o nowhere, or cs.scan(net, "),
    "layer": (["weights", "lite0", "conv_stam"], "conv_stem"),
    "no filters": (["weights", "lite0", "bn1"], "convolution or a linear layer"),
    "channel": (["saliency", "lite0", "sample:cat", "conv_stem:32"], "numbered 0 to 31, not 32"),
    "position": (["saliency", "lite0", "sample:cat", "conv_stem:3@0,112"], "@111,111"),
    "class": (["saliency", "lite0", "sample:cat", "logits:1000"], "numbered 0 to 999"),
    "address": (["saliency", "lite0", "sample:cat", "conv_stem:1@2"], "An address is"),
    "file": (["predict", "lite0", "nowhere.jpg"], "no file nowhere.jpg"),
    "sample": (["predict", "lite0", "sample:dog"], "There are: cat"),
    "knob": (["weights", "lite0", "conv_stem", "--similarity", "2"], "similarity must be less than or equal to 1"),
    "choice": (["activations", "lite0", "sample:cat", "bn1", "--sort", "size"], "'size' is not one of"),
    "missing": (["saliency", "lite0", "sample:cat"], "UNIT"),
    "device": (["layers", "lite0", "--device", "gpu9"], "device must be"),
    "weights": (["layers", "torchvision:resnet18", "--weights", "gone.safetensors"], "no weights file"),
    "rectifier": (
        ["guided-backprop", "torchvision:efficientnet_b0", "sample:cat", "logits:3", "--weights", "none"],
        "--smooth",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_sentence_and_exit_code_2(convscope, name: str) -> None:
    arguments, words = BAD[name]
    ran = convscope(*arguments)
    assert ran.code == 2 and ran.out == ""
    assert words in ran.err and "Traceback" not in ran.err


def test_a_note_says_what_random_weights_leave_dead_and_leaves_the_output_alone(convscope) -> None:
    for command in (["layers"], ["predict"], ["saliency"]):
        subjects = {"layers": [], "predict": ["sample:cat"], "saliency": ["sample:cat", "layer1.0.conv1:0"]}[command[0]]
        ran = convscope(*command, "timm:resnet18", *subjects, "--weights", "none", "--json")
        assert ran.code == 0 and json.loads(ran.out)
        assert ran.err.startswith("Note: 8 norms of timm:resnet18 scale by zero") and ran.err.count("\n") == 1
    assert convscope("layers", "torchvision:resnet18", "--weights", "none").err == ""


def test_a_corrupt_weights_file_is_refused(convscope, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{not json at all")
    (tmp_path / "w.pth").write_bytes(b"PK\x03\x04 cut short")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pth")
    for name, words in (("w.safetensors", "whole copy"), ("w.pth", "whole copy"), ("module.pth", "pickled")):
        ran = convscope("layers", "torchvision:resnet18", "--weights", tmp_path / name)
        assert ran.code == 2 and words in ran.err


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["weights", "lite0", "conv_stem"], "weights-conv_stem"),
        (["saliency", "lite0", "sample:cat", "conv_stem:1"], "saliency-cat"),
        (["activations", "lite0", "photo.one.jpg", "bn1.act"], "activations-photo.one"),
        (
            ["maximize", "lite0", "logits:goldfish; conv_stem:2", "--steps", "1", "--size", "64"],
            "maximize-logits-goldfish-conv_stem-2",
        ),
    ],
)
def test_without_an_output_it_writes_a_new_file_and_says_so(
    convscope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photo.one.jpg").write_bytes(cs.samples()["cat"].path.read_bytes())
    Path(f"{name}.png").write_bytes(b"mine")
    ran = convscope(*words)
    assert ran.code == 0 and ran.out.endswith(f"saved: {name}-2.png\n")
    assert Path(f"{name}.png").read_bytes() == b"mine" and Path(f"{name}-2.png").stat().st_size > 1000
    ran = convscope(*words, "--json")
    assert ran.code == 0 and json.loads(ran.out)["output"] is None and not Path(f"{name}-3.png").exists()


def test_without_an_output_a_folder_that_cannot_be_written_to_is_refused_before_any_work(
    convscope, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path) -> None:
        raise cs.ConvscopeError("Nothing can be written here.")

    monkeypatch.setattr("convscope.fronts.cli.technique_command.check_writable", refuse)
    monkeypatch.setattr("convscope.zoo.zoo.load", lambda *_: pytest.fail("worked before it was sure of its output"))
    assert convscope("weights", "lite0", "conv_stem").err == "Error: Nothing can be written here.\n"


@pytest.mark.parametrize(
    "command", [["saliency", "lite0", "sample:cat", "logits:1"], ["report", "lite0", "sample:cat"]]
)
def test_an_output_that_cannot_be_written_is_refused_before_any_work(
    convscope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    def worked(*_args: object) -> None:
        raise AssertionError("worked before it was sure of its output")

    monkeypatch.setattr("convscope.zoo.zoo.load", worked)
    for output in (tmp_path / "missing" / "x.png", tmp_path):
        ran = convscope(*command, "-o", output)
        assert ran.code == 2 and str(tmp_path) in ran.err
    assert list(tmp_path.iterdir()) == []
