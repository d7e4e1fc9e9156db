"""The shape of the package: imports point one way, starting is light, and the front door is whole."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import convscope as cs

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "convscope"
FILES = sorted(SOURCE.rglob("*.py"))
IDS = [str(path.relative_to(SOURCE)) for path in FILES]

_BELOW = ["base", "contract", "results"]
_RUN = [*_BELOW, "data", "network", "graph", "execution"]
MAY_IMPORT = {
    "base": [],
    "contract": ["base"],
    "results": ["base", "contract"],
    "data": ["base", "contract"],
    "network": _BELOW,
    "graph": [*_BELOW, "network"],
    "execution": [*_BELOW, "network", "graph"],
    "zoo": [*_BELOW, "network"],
    "optimize": _RUN,
    "scan": _RUN,
    "techniques": [*_RUN, "optimize", "scan", "zoo"],
    "catalog": [*_RUN, "scan", "techniques", "zoo"],
    "view": _BELOW,
    "store": ["base"],
    "explorer": [*_RUN, "scan", "catalog", "view", "store", "fronts"],
    "fronts": [*_RUN, "scan", "catalog", "view", "store", "zoo", "explorer"],  # never a technique
    "__main__": ["fronts"],
    "__init__": ["base"],  # lazy: the stub names the modules
}


def part(module):
    """The package, or top-level module, under convscope that a dotted name belongs to."""
    return [*module.split("."), "__init__"][1]


def name_of(path):
    return ".".join(["convscope", *path.relative_to(SOURCE).with_suffix("").parts])


def imports(path):
    """Every module a file imports, by statement or by name, and whether this happens only inside a function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = {id(node) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for node in ast.walk(f)}
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                found = [alias.name for alias in node.names]
            case ast.ImportFrom(level=0):
                found = [node.module]
            case ast.ImportFrom():
                base = ".".join(name_of(path).split(".")[: -node.level])
                found = [f"{base}.{node.module}"] if node.module else [f"{base}.{alias.name}" for alias in node.names]
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
                found = [name]
            case _:
                found = []
        yield from ((name, id(node) in late) for name in found)


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_imports_point_one_way(path):
    own = part(name_of(path))
    assert own in MAY_IMPORT, f"{own} has no place yet in the order of imports"
    for name, late in imports(path):
        if not name.startswith("convscope"):
            continue
        display = path == SOURCE / "contract" / "result.py" and part(name) == "view" and late
        own_methods = (  # `net.explore`, `net.report`, `net.receptive_field`
            path == SOURCE / "network" / "network.py" and part(name) in ("__init__", "graph") and late
        )
        assert display or own_methods or part(name) in (own, *MAY_IMPORT[own]), f"{own} must not import {name}"


@pytest.mark.parametrize(
    "path", [p for p in FILES if part(name_of(p)) in ("base", "contract", "results", "view")], ids=name_of
)
def test_base_results_and_view_never_import_torch(path):
    heavy = {"torch", "torchvision", "timm"}
    assert not heavy & {name.split(".")[0] for name, _ in imports(path)}


_ALL_OF = "import importlib, pkgutil, convscope.{0}; [importlib.import_module(m.name) for m in " \
    "pkgutil.walk_packages(convscope.{0}.__path__, 'convscope.{0}.')]"  # fmt: skip


@pytest.mark.parametrize(
    "start",
    [
        "import convscope",
        "import convscope as cs; dir(cs), cs.open_image('sample:cat'), cs.samples(), cs.Unit, cs.Request",
        _ALL_OF.format("base"),
        _ALL_OF.format("contract"),
        _ALL_OF.format("results"),
        _ALL_OF.format("view"),
        "import runpy; sys.argv = ['convscope', '--help']\n"
        "try: runpy.run_module('convscope', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code",
    ],
    ids=["import", "images", "base", "contract", "results", "view", "help"],
)
def test_starting_does_not_import_torch(start):
    done = run(f"import sys; {start}\nassert not {{'torch', 'timm', 'torchvision'}} & set(sys.modules), 'torch is in'")
    assert done.returncode == 0, done.stderr


def test_help_lists_the_techniques():
    done = run(
        "import runpy, sys; sys.argv = ['convscope', '--help']; runpy.run_module('convscope', run_name='__main__')"
    )
    assert done.returncode == 0, done.stderr
    for name in TECHNIQUES:
        assert name.replace("_", "-") in done.stdout


@pytest.mark.parametrize(
    "path", [p for p in FILES if part(name_of(p)) not in ("fronts", "explorer", "__main__")], ids=name_of
)
def test_only_fronts_print(path):
    calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert not [func for func in calls if isinstance(func, ast.Name) and func.id == "print"]


FROM_OUTSIDE = [  # the server's paths are of its own making
    path
    for path in FILES
    if part(name_of(path)) not in ("scan", "optimize", "store", "explorer")
    if "server" not in path.parts and path.name not in ("paths.py", "plain.py")
]


@pytest.mark.parametrize("path", FROM_OUTSIDE, ids=name_of)
def test_a_path_from_outside_is_asked_for_as_base_paths_does(path):
    """Pathlib's own questions raise where a name is too long."""
    assert not re.search(r"\.(is_file|is_dir|exists)\(\)|\bpath\.(isfile|isdir|exists)\(", path.read_text("utf-8"))


@pytest.mark.parametrize("path", [path for path in FROM_OUTSIDE if path.name != "result.py"], ids=name_of)
def test_json_is_read_by_base_plain_alone(path):  # results read what they have written themselves
    assert not re.search(r"\bjson\.loads?\(", path.read_text(encoding="utf-8"))


def test_every_third_party_import_is_a_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = {
        name: lines for name, lines in project["optional-dependencies"].items() if name not in ("test", "bench")
    }
    lines = [*project["dependencies"], *(line for extra in optional.values() for line in extra)]
    declared = {re.split(r"[^\w.-]", line)[0].lower().replace("-", "_") for line in lines}
    used = {name.split(".")[0] for path in FILES for name, _ in imports(path)} - {"convscope"} - sys.stdlib_module_names
    assert {{"PIL": "pillow"}.get(name, name) for name in used} <= declared


STUB = ast.parse((SOURCE / "__init__.pyi").read_text(encoding="utf-8"))
IMPORTED = {
    alias.asname or alias.name for node in STUB.body if isinstance(node, ast.ImportFrom) for alias in node.names
}
NAMES = sorted(name for name in IMPORTED if not name.startswith("_"))
FUNCTIONS = [name for name in NAMES if inspect.isfunction(getattr(cs, name, None))]
TECHNIQUES = [name for name in FUNCTIONS if part(getattr(cs, name).__module__) == "techniques"]


def test_the_front_door_is_sorted_and_is_what_the_stub_says():
    assert [name for name in cs.__all__ if not name.startswith("_")] == NAMES
    assert list(cs.__all__) == sorted(cs.__all__)
    assert {"saliency", "guided_backprop", "deconvnet", "activations", "weights"} <= set(TECHNIQUES)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_can_be_got_and_is_documented(name):
    assert name in dir(cs)
    value = getattr(cs, name)
    if callable(value):
        assert value.__doc__ and value.__doc__[0].isupper() and "." in value.__doc__
        assert not value.__doc__.startswith(f"{name}(")  # what a dataclass without a docstring has


@pytest.mark.parametrize("name", TECHNIQUES)
def test_every_technique_cites_its_paper_and_is_in_its_module(name):
    doc = inspect.getdoc(getattr(cs, name))
    assert re.search(r"\b(19|20)\d\d\b", doc), f"{name} cites no year"
    assert doc.splitlines()[0].endswith(".")
    assert getattr(importlib.import_module(getattr(cs, name).__module__), name) is getattr(cs, name)
