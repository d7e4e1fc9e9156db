"""The wheel: built from the checkout, installed outside it, complete, and run by its command."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("convscope-*.whl")
    return built


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    source = ROOT / "src"
    files = {str(p.relative_to(source)) for p in source.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == {name for name in files if ".egg-info" not in name}
    assert {"convscope/__init__.pyi", "convscope/py.typed", "convscope/base/photos/cat.jpg"} <= packed


def test_installed_in_a_clean_environment_outside_the_checkout_the_command_works(wheel: Path, tmp_path: Path) -> None:
    """Dependencies are borrowed from this environment by a path file, which leaves its editable install behind."""
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    site = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel], check=True)
    (Path(site) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    command = tmp_path / "env" / "bin" / "convscope"

    def run(*words: str) -> str:
        return subprocess.run([command, *words], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    where = subprocess.check_output(
        [python, "-c", "import convscope; print(convscope.__file__)"], cwd=tmp_path, text=True
    )
    assert where.startswith(str(tmp_path))
    assert "saliency" in run("--help")
    assert "espresso" in run("predict", "lite0", "sample:coffee")
    run("weights", "lite0", "conv_stem", "-o", "filters.png")
    assert "the same bytes" in run("rerun", "filters.png")
