"""The way in: Ctrl-C is one line and exit status 130, wherever the start has got to."""

import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
START = """
import os, signal, sys
from convscope.__main__ import main

class Finder:
    def find_spec(name, path, target=None):
        if name == wanted:
            sys.meta_path.remove(Finder)
            os.kill(os.getpid(), signal.SIGINT)

wanted, sys.argv[1:] = sys.argv[1], sys.argv[2:]
sys.meta_path.insert(0, Finder)
"""
STOPPED = "Stopped. No file is half written."


def run(code, *words, **options):
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, **options)


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("module", ["convscope.fronts.cli.main", "click", "numpy", "convscope.zoo.zoo", "torch"])
def test_ctrl_c_while_something_is_imported(module):
    done = run(f"{START}\nmain()", module, "layers", "lite0")
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", STOPPED)


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_ctrl_c_that_passes_through_an_exec_ends_with_the_same_status(tmp_path):
    code = "from convscope import __main__ as way\nfrom convscope.fronts.cli import main as cli\n"
    code += "def main():\n try: exec('raise KeyboardInterrupt')\n except KeyboardInterrupt: raise SystemExit(130)\n"
    (tmp_path / "start.py").write_text(f"{code}cli.command_line = main\nway.main()\n")
    assert subprocess.run([sys.executable, "-m", "start"], cwd=tmp_path, check=False).returncode == 130


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_ctrl_c_once_all_is_done_changes_nothing():
    late = "import atexit\natexit.register(os.kill, os.getpid(), signal.SIGINT)"
    done = run(f"{START}\n{late}\nmain()", "nothing", "--version")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("convscope")


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_who_is_told_to_ignore_ctrl_c_does():
    ignore = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)  # noqa: E731
    done = run(f"{START}\nmain()", "click", "--version", preexec_fn=ignore)
    assert done.returncode == 0 and done.stdout.startswith("convscope")


def test_the_installed_command_begins_there_too():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"convscope": "convscope.__main__:main"}
