"""The report: what it must hold, that it needs nothing outside itself, and that a failed figure says why."""

from __future__ import annotations

import html.parser
import json
import re
from pathlib import Path

import pytest
from torch import nn

import convscope as cs
from convscope.fronts.report import report
from convscope.fronts.report.report import write_report

from .quick import quick


class Reader(html.parser.HTMLParser):
    """Collects tags with their attributes, and checks that what opens closes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def page(lite0, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    images = [cs.open_image("sample:cat"), cs.open_image("sample:rocket")]
    with pytest.MonkeyPatch.context() as patched:
        quick(patched)
        size = write_report(lite0, images, path)
    assert path.stat().st_size == size < 5_000_000
    return path.read_text("utf-8")


def test_it_needs_nothing_outside_itself(page: str) -> None:
    reader = Reader()
    reader.feed(page)
    links = [value for _, attrs in reader.tags for key, value in attrs.items() if key in ("href", "src")]
    assert links and all(link.startswith("data:image/") for link in links)
    assert "<script" not in page and "@import" not in page and "url(" not in page


def test_every_figure_says_what_it_shows_what_to_look_for_its_paper_and_its_line(page: str) -> None:
    figures = re.findall(r"<figure>.*?</figure>", page, re.S)
    assert len(figures) == 2 + 2 * (
        6 + 1 + 1 + 5 + 2
    )  # filters; per image methods, occlusion, circuit, sizes of map, projections
    for figure in figures:
        assert "Look for:" in figure and re.search(r"<cite>.*20\d\d.*</cite>", figure)
        assert re.search(r"<pre>cs\.\w+\(.*\)\.picture\(.*\)</pre>", figure)
        assert 'role="img" aria-label=' in figure


def test_it_shows_predictions_architecture_and_sparsity(page: str) -> None:
    assert "Egyptian cat" in page and "conv_stem" in page and "4,652,008 parameters" in page
    assert re.search(r"\d+ % zeros, \d+ of \d+ channels silent", page)
    shown = ("saliency", "guided backprop", "deconvnet", "smoothgrad", "integrated gradients", "gradcam", "occlusion")
    for method in shown:
        assert f"<h3>{method} for logits:285 (Egyptian cat)" in page


def test_its_lines_of_python_make_its_figures(page: str) -> None:
    line = next(iter(re.findall(r"<pre>(cs\.activations.*?)</pre>", page))).replace("&#x27;", "'")
    picture = eval(line, {"cs": cs})
    assert picture.width > 500


def test_the_pictures_of_a_class_stand_three_by_three_side_by_side(page: str) -> None:
    sides = re.findall(r"<div class=side>(.*?)</div>", page, re.S)
    rows = [["saliency", "guided", "deconvnet"], ["smoothgrad", "integrated", "gradcam"]]
    assert [re.findall(r"<h3>(\w+)", side) for side in sides] == rows * 2


def test_the_strongest_channels_are_projected_back(page: str) -> None:
    found = re.findall(r"<h3>project of blocks\.3\.0\.bn1:(\d+)", page)
    assert len(found) == 4 and found[0] != found[1] and "most probable class" in page


def test_many_images_still_fit_into_five_megabytes(lite0, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    noisiest = tuple(("saliency", {}, view) for name, _, view in report._STEADY if name != "gradcam")
    monkeypatch.setattr(report, "_STEADY", noisiest)  # a gradient alone: as noisy as a mean of few, so as large
    figure, drawn = report.figure, dict[str, str]()

    def once(net, name, *asked, **how):
        key = f"{name} {[getattr(one, 'reference', one) for one in asked]} {how}"
        if key not in drawn:
            drawn[key] = figure(net, name, *asked, **how)
        return drawn[key]

    monkeypatch.setattr(report, "figure", once)
    largest = [cs.open_image(f"sample:{name}") for name in ("starry-night", "coffee")]  # of the eight, as files
    size = write_report(lite0, largest * 4, tmp_path / "r.html")
    assert max(map(len, drawn.values())) * 8 < size < 5_000_000


@pytest.fixture(scope="module")
def scanned(lite0, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan of the bundled photos with an early, two middle and a late layer, and the class scores."""
    folder = tmp_path_factory.mktemp("scan")
    layers = "conv_stem,bn1.act,blocks.2.0,blocks.3,conv_head,logits"
    cs.scan(lite0, cs.samples()["cat"].path.parent, folder, layers=layers, top=9)
    return folder


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what other tests look at."""
    monkeypatch.setattr(report, "_seen", lambda *_: "")


def test_a_scan_adds_what_drives_units(brief, lite0, scanned: Path, tmp_path: Path) -> None:
    cat = cs.open_image("sample:cat")
    assert write_report(lite0, [cat], tmp_path / "r.html", cs.open_scan(scanned)) < 5_000_000
    page = (tmp_path / "r.html").read_text("utf-8")
    (section,) = re.findall(r"<h2>What drives units</h2>.*?</section>", page, re.S)
    found = re.findall(r"<h3>patches of (\S+) over 8 images", section)
    assert found[:3] == ["conv_stem", "blocks.2.0", "conv_head"]
    assert [unit.partition(":")[0] for unit in found[3:]] == ["conv_head", "blocks.2.0", "conv_stem"]
    told = re.search(r"(\d+) of the ([\d,]+) units in 6 scanned layers never fired in 8 images", section)
    scan = cs.open_scan(scanned)
    layers = [name for name, _, _ in scan.ledger.layers]
    assert told and int(told[1]) == sum(len(scan.dead(layer)) for layer in layers)
    assert section.count("Look for:") == 6 and section.count("<cite>") == 6
    line = re.findall(r"<pre>(cs\.patches.*?)</pre>", section)[-1].replace("&#x27;", "'")
    assert eval(line, {"cs": cs}).width > 500


def test_a_scan_without_maps_and_one_of_another_network(brief, convscope, lite0, scanned: Path, tmp_path: Path) -> None:
    scan = cs.scan(lite0, cs.samples()["cat"].path.parent, tmp_path / "scan", layers="logits")
    write_report(lite0, [cs.open_image("sample:cat")], tmp_path / "r.html", scan)
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "What drives units" in page and "patches of" not in page
    for network, options in (("lite0", ["--weights", "none"]), ("torchvision:squeezenet1_1", ["--weights", "none"])):
        ran = convscope("report", network, "sample:cat", "--scan", scanned, "-o", tmp_path / "x.html", *options)
        assert ran.code == 2 and "with other weights or preprocessing" in ran.err and ran.err.count("\n") == 1
    ran = convscope("report", "lite0", "sample:cat", "--scan", tmp_path / "no", "-o", tmp_path / "x.html")
    assert ran.code == 2 and "holds no scan" in ran.err and not (tmp_path / "x.html").exists()


def test_it_is_made_for_paper_and_for_the_dark(page: str) -> None:
    assert "prefers-color-scheme: dark" in page and "@media print" in page


def test_what_cannot_be_shown_says_why_and_the_rest_is_there(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    write_report(cs.Network(module, size=16, name="<smooth>"), [cs.open_image("sample:cat")], tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text("utf-8")
    assert page.count("smooth=True") == 4 and "saliency for logits:" in page and "<smooth>" not in page


def test_a_network_without_a_classifier_still_gives_a_report(convscope, headless: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    ran = convscope("report", "torchvision:squeezenet1_1", "sample:cat", "--weights", headless, "-o", path, "--json")
    assert ran.code == 0 and json.loads(ran.out)["bytes"] == path.stat().st_size < 5_000_000
    page = path.read_text("utf-8")
    assert "weights its file does not hold" in page and "features.0" in page and "Feature maps" in page
