"""The wheel: built from the checkout, installed outside it, complete, and run by its command."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SEVERAL = """
import sys
from convscope.fronts.cli.main import convscope
for words in sys.argv[1:]:
    convscope(words.split(), standalone_mode=False)
"""


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
    venv.create(tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    site = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*pip, wheel], check=True)
    (Path(site) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    command = tmp_path / "env" / "bin" / "convscope"

    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*words: str | Path) -> str:
        return subprocess.run(words, cwd=tmp_path, env=clean, check=True, capture_output=True, text=True).stdout

    where = run(python, "-c", "import convscope; print(convscope.__file__)")
    assert where.startswith(str(tmp_path))
    assert "saliency" in run(command, "--help")
    assert "sample:coffee" in run(command, "samples")
    paint = "weights lite0 conv_stem -o filters.png"
    told = run(python, "-c", SEVERAL, paint, "predict lite0 sample:coffee", "rerun filters.png")
    assert "espresso" in told and "the same bytes" in told
