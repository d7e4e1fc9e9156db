"""The command line of scans, end to end: scan, merge, query; what they print, write and refuse."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import convscope as cs
from convscope.scan import engine, job
from convscope.zoo import zoo

KNOBS = ["--layers", "conv_stem,bn1.act", "--top", 5, "--sample", 7, "--workers", 0, "--batch-size", 2]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, lite0: cs.Network) -> None:
    """Shards of two images, and a network whose executed graph need not be found for every run."""
    load = zoo.load
    monkeypatch.setattr(zoo, "load", lambda name, *more: lite0 if name == "lite0" else load(name, *more))
    monkeypatch.setattr(job, "SHARD", 2)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven pictures in two classes, and a file that is none."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for i in range(7):
        file = folder / f"class {i % 2}" / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(file)
    (folder / "class 1" / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def scanned(lite0, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same scan, made by the library."""
    folder = tmp_path_factory.mktemp("scanned")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "SHARD", 2)
        cs.scan(lite0, images, folder, layers="conv_stem,bn1.act", top=5, sample=7, workers=0, batch_size=2)
    return folder


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("*.parquet")}


def test_scan_says_what_it_found_and_where_it_lies(convscope, images: Path, scanned: Path, tmp_path: Path) -> None:
    ran = convscope("scan", "lite0", images, "-o", tmp_path / "out", *KNOBS)
    assert ran.code == 0 and ran.err == ""
    first, dead, refused, which, saved = ran.out.splitlines()
    assert first == "lite0 · 7 images, 2 layers, 64 units" and dead.startswith("dead: ")
    assert refused == "refused: 1 files" and which.startswith("  class 1/notes.txt: ") and "not an image" in which
    assert saved == f"saved: {tmp_path / 'out'}"
    assert bytes_of(tmp_path / "out") == bytes_of(scanned) != {}


def test_scan_prints_json(convscope, images: Path, tmp_path: Path) -> None:
    told = json.loads(convscope("scan", "lite0", images, "-o", tmp_path / "out", "--json", *KNOBS).out)
    assert told["network"] == "lite0" and (told["images"], told["refused"], told["units"]) == (7, 1, 64)
    assert told["digest"] == cs.open_scan(tmp_path / "out").digest and "partial" not in told


def test_scan_says_how_often_the_class_is_right(convscope, lite0, images: Path, tmp_path: Path) -> None:
    files = sorted(images.glob("*/*.png"))
    for file in files:
        number = lite0.predict(file, 1)[0][1]
        folder = tmp_path / "known" / f"{number if file != files[0] else (number + 1) % 1000:04}_x"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file.name).write_bytes(file.read_bytes())
    knobs = ["--layers", "conv_stem", "--predictions", "yes", *KNOBS[KNOBS.index("--top") :]]
    ran = convscope("scan", "lite0", tmp_path / "known", "-o", tmp_path / "right", *knobs)
    assert ran.out.splitlines()[2].startswith("the class is right for 85.7% of 7 images, among the first five for ")
    told = convscope("query", tmp_path / "right", "select images from confusion where not correct").out
    assert told.split() == ["images", "1"]
    ran = convscope("scan", "lite0", images, "-o", tmp_path / "unknown", *knobs)
    assert "is not known. Classes must be those of lite0, such as 'tench', not 'class 0'" in ran.out.splitlines()[2]


def test_parts_are_scanned_and_merged(convscope, images: Path, scanned: Path, tmp_path: Path) -> None:
    for part in ("0/2", "1/2"):
        ran = convscope("scan", "lite0", images, "-o", tmp_path / "parts", "--shard", part, *KNOBS)
        words = f"part {part} is done, 2 of 4 shards; when all parts are: convscope merge {tmp_path / 'parts'}"
        assert ran.code == 0 and ran.out.splitlines()[-1] == words
        if part == "0/2":
            early = convscope("merge", tmp_path / "parts")
            assert early.code == 2 and "2 of 4 shards are missing, the first is 1" in early.err
    told = json.loads(convscope("merge", tmp_path / "parts", "--json").out)
    assert told["images"] == 7 and told["output"] == str(tmp_path / "parts")
    assert bytes_of(tmp_path / "parts") == bytes_of(scanned) != {}
    ran = convscope("merge", *sorted((tmp_path / "parts" / "parts").iterdir()), "-o", tmp_path / "tables")
    assert ran.code == 0 and ran.out.splitlines()[-1] == f"saved: {tmp_path / 'tables'}"
    assert bytes_of(tmp_path / "tables") == bytes_of(scanned)


def test_more_parts_than_shards_say_what_is_true(convscope, images: Path, scanned: Path, tmp_path: Path) -> None:
    for part in range(5):
        ran = convscope("scan", "lite0", images, "-o", tmp_path / "parts", "--shard", f"{part}/5", *KNOBS)
        assert f"part {part}/5 is done, {int(part < 4)} of 4 shards" in ran.out and "goes on from here" not in ran.out
        assert ("dead: " in ran.out) == (part < 4)
    assert convscope("merge", tmp_path / "parts").code == 0
    assert bytes_of(tmp_path / "parts") == bytes_of(scanned)


def test_the_rank_of_the_job_chooses_the_part(convscope, images: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert convscope("scan", "lite0", images, "-o", tmp_path / "out", "--shard", "auto", *KNOBS).code == 0
    assert [file.name for file in (tmp_path / "out" / "parts").iterdir()] == ["1-of-2.safetensors"]


def test_ctrl_c_leaves_a_folder_to_go_on_from(
    convscope, images: Path, scanned: Path, tmp_path: Path, monkeypatch
) -> None:
    report = engine.report_progress

    def interrupted(step: int, total: int) -> None:
        if step == 2:
            signal.raise_signal(signal.SIGINT)
        report(step, total)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "report_progress", interrupted)
        ran = convscope("scan", "lite0", images, "-o", tmp_path / "stopped", *KNOBS)
    assert ran.code == 0 and "2 of 4 shards are missing; the same command goes on from here" in ran.out
    asked = convscope("query", tmp_path / "stopped", "select 1")
    assert asked.code == 2 and "unfinished scan" in asked.err
    assert convscope("scan", "lite0", images, "-o", tmp_path / "stopped", *KNOBS).code == 0
    assert bytes_of(tmp_path / "stopped") == bytes_of(scanned)


def test_a_second_ctrl_c_leaves_the_last_checkpoint(convscope, images: Path, tmp_path: Path, monkeypatch) -> None:
    report = engine.report_progress

    def interrupted(step: int, total: int) -> None:
        report(step, total)
        if step == 3:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "report_progress", interrupted)
        ran = convscope("scan", "lite0", images, "-o", tmp_path / "out", "--checkpoint", 0, *KNOBS)
    assert ran.code == 130
    ran = convscope("scan", "lite0", images, "-o", tmp_path / "out", "--json", *KNOBS)
    assert ran.code == 0 and json.loads(ran.out)["images"] == 7


def test_query_prints_columns_or_json(convscope, scanned: Path) -> None:
    sql = "select layer, count(*) as n, max(max) as high from units group by layer order by layer"
    ran = convscope("query", scanned, sql)
    assert ran.code == 0 and [line.split()[:2] for line in ran.out.splitlines()] == [
        ["layer", "n"], ["bn1.act", "32"], ["conv_stem", "32"],
    ]  # fmt: skip
    rows = json.loads(convscope("query", scanned, sql, "--json").out)
    assert [row["n"] for row in rows] == [32, 32] and all(isinstance(row["high"], float) for row in rows)
    joined = "select u.layer, t.id, i.class from top t join units u using (layer, channel) join images i using (image)"
    assert len(json.loads(convscope("query", scanned, f"{joined} where rank = 0", "--json").out)) > 32
    assert convscope("query", scanned, "select * from top").out.splitlines()[-1].endswith("add a limit, or --json")
    assert "None" not in convscope("query", scanned, "select refused from images").out
    assert convscope("query", scanned, "select * from units where false").code == 0
    sql = "select 1 as a, 2 as a, 'x'::blob as b, date '2020-01-02' as d, 1.5::decimal(5, 2) as e"
    assert convscope("query", scanned, sql).out.split()[:5] == ["a", "a_1", "b", "d", "e"]
    (row,) = json.loads(convscope("query", scanned, sql, "--json").out)
    assert row == {"a": 1, "a_1": 2, "b": "78", "d": "2020-01-02", "e": 1.5}


@pytest.mark.parametrize(
    "sql",
    [
        "copy units to '{0}/stolen.csv'",
        "copy (select 1) to '{0}/stolen.parquet'",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from read_text('/etc/hostname')",
        "select * from glob('/*')",
        "attach '{0}/new.db' as d",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "export database '{0}/all'",
        "select getenv('HOME')",
        "drop table units",
        "select 1; copy units to '{0}/stolen.csv'",
        "selekt 1",
        "",
        "select nothing from units",
    ],
)
def test_query_reads_the_tables_and_nothing_else(convscope, scanned: Path, tmp_path: Path, sql: str) -> None:
    before = [*tmp_path.rglob("*"), *scanned.rglob("*")]
    ran = convscope("query", scanned, sql.format(tmp_path))
    assert ran.code == 2 and ran.out == "" and "query must be one SQL query over units" in ran.err
    assert [*tmp_path.rglob("*"), *scanned.rglob("*")] == before


BAD = {
    "network": (["scan", "resnet18", "{images}", "-o", "{out}"], "torchvision:resnet18"),
    "no output": (["scan", "lite0", "{images}"], "--output"),
    "source": (["scan", "lite0", "nowhere", "-o", "{out}"], "no folder, zip or tar nowhere"),
    "one image": (["scan", "lite0", "{images}/class 0/0.png", "-o", "{out}"], "must be a folder, a .zip or a .tar"),
    "layer": (["scan", "lite0", "{images}", "-o", "{out}", "--layers", "conv_stam"], "Nearest: conv_stem"),
    "no layer": (["scan", "lite0", "{images}", "-o", "{out}", "--layers", ""], "at least one layer"),
    "knob": (["scan", "lite0", "{images}", "-o", "{out}", "--top", "0"], "top must be"),
    "batch size": (["scan", "lite0", "{images}", "-o", "{out}", "--batch-size", "some"], "batch"),
    "part": (["scan", "lite0", "{images}", "-o", "{out}", "--shard", "3/3"], "shard must be i/n"),
    "labels": (
        ["scan", "lite0", "{images}", "-o", "{out}", "--labels", "network"],
        "none of the 1000 classes",
    ),
    "output": (["scan", "lite0", "{images}", "-o", "{images}/class 0/0.png"], "cannot be made"),
    "engine": (["scan", "lite0", "{images}", "-o", "{out}", "--engine", "spark"], "'spark' is not one of"),
    "ray parts": (
        ["scan", "lite0", "{images}", "-o", "{out}", "--engine", "ray", "--shard", "0/2"],
        "shard must be 0/1",
    ),
    "no part": (["merge", "{images}"], "holds no part of a scan"),
    "nothing": (["merge"], "DIR"),
    "no tables": (["query", "{images}", "select 1"], "holds no scan"),
    "no query": (["query", "{images}"], "SQL"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_sentence_and_exit_code_2(convscope, images: Path, tmp_path: Path, name: str) -> None:
    arguments, words = BAD[name]
    ran = convscope(*(word.format(images=images, out=tmp_path / "out") for word in arguments))
    assert ran.code == 2 and ran.out == "" and "Traceback" not in ran.err
    assert words in ran.err
    assert not list(tmp_path.glob("out/*.parquet"))


@pytest.mark.parametrize("verb", ["scan", "merge", "query"])
def test_help_names_every_option(convscope, verb: str) -> None:
    ran = convscope(verb, "--help")
    assert ran.code == 0 and ran.err == "" and "--json" in ran.out
    if verb == "scan":
        knobs = ["layers", "top", "per-image", "sample", "positions", "labels", "duplicates", "compile", "batch-size"]
        for knob in [*knobs, "workers", "engine", "shard", "checkpoint", "output", "weights", "device"]:
            assert f"--{knob}" in ran.out
