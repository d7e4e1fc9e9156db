"""The report: what it must hold, that it needs nothing outside itself, and that a failed figure says why."""

from __future__ import annotations

import html.parser
import json
import re
from pathlib import Path

import pytest
from torch import nn

import convscope as cs
from convscope.fronts import report
from convscope.fronts.report import write_report


class Reader(html.parser.HTMLParser):
    """Collects tags with their attributes, and checks that what opens closes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    images = [cs.open_image("sample:cat"), cs.open_image("sample:rocket")]
    size = write_report(cs.load("lite0"), images, path)
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
    assert len(figures) == 2 + 2 * (6 + 1 + 5 + 2)  # filters; per image methods, occlusion, sizes of map, projections
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
    few = tuple((name, {"samples": 3} if "samples" in knobs else {**knobs, "steps": 3, "limit": 3}, view)
                for name, knobs, view in report._STEADY if name != "gradcam")  # fmt: skip
    monkeypatch.setattr(report, "_STEADY", few)  # as noisy, so as large, in less time
    images = [cs.open_image(f"sample:{name}") for name in cs.samples()]
    assert write_report(lite0, images, tmp_path / "r.html") < 5_000_000


def test_it_is_made_for_paper_and_for_the_dark(page: str) -> None:
    assert "prefers-color-scheme: dark" in page and "@media print" in page


def test_what_cannot_be_shown_says_why_and_the_rest_is_there(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    write_report(cs.Network(module, size=16, name="<smooth>"), [cs.open_image("sample:cat")], tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text("utf-8")
    assert page.count("smooth=True") == 4 and "saliency for logits:" in page and "<smooth>" not in page


def test_a_network_without_a_classifier_still_gives_a_report(convscope, shared: Path, tmp_path: Path) -> None:
    weights, path = shared / "models" / "vgg16-features.safetensors", tmp_path / "r.html"
    ran = convscope("report", "torchvision:vgg16", "sample:cat", "--weights", weights, "-o", path, "--json")
    assert ran.code == 0 and json.loads(ran.out)["bytes"] == path.stat().st_size < 5_000_000
    page = path.read_text("utf-8")
    assert "weights its file does not hold" in page and "features.0" in page and "Feature maps" in page
