"""The shape of the package: imports point one way, starting is light, and the front door is whole."""

import ast
import collections
import functools
import graphlib
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

_LOW = "base contract results"
_NET = "network network.axes network.isolation network.layers network.backward"
_RUN = f"{_LOW} data {_NET} graph execution"
_SCAN = "scan scan.statistics scan.tables scan.codes"
_FIGURES = "view.figures.representation view.figures.changes view.figures"
_VIEW = f"view view.render view.charts view.panels {_FIGURES} view.encode"
_DRAWN = f"{_LOW} view view.render view.charts view.panels"
_MAPS = "representation representation.similarity representation.separation representation.embedding"
_ABOUT = f"{_RUN} optimize {_SCAN} techniques"
_ALL = f"{_RUN} {_SCAN} {_VIEW} store catalog"  # of fronts: never a technique
_TRAINED = "training training.storage training.live"
_EXPLORER = "explorer explorer.workspace explorer.answers explorer.maps explorer.space explorer.training explorer.jobs"
MAY_IMPORT = {  # of each folder: which others, all of which stand before it
    "base": "",
    "contract": "base",
    "results": "base contract",
    "view": _LOW,
    "view.render": f"{_LOW} view",
    "view.charts": f"{_LOW} view view.render",
    "view.panels": f"{_LOW} view view.render",
    "view.figures.representation": _DRAWN,
    "view.figures.changes": _DRAWN,
    "view.figures": f"{_DRAWN} view.figures.representation view.figures.changes",
    "view.encode": f"{_DRAWN} {_FIGURES}",
    "store": "base",
    "data": "base contract",
    "network.axes": "base",
    "network.isolation": "base network.axes",
    "network.layers": "base network.axes network.isolation",
    "network.backward": "base network.axes network.isolation network.layers",
    "network": f"{_LOW} network.axes network.isolation network.layers network.backward",
    "graph": f"{_LOW} {_NET}",
    "execution": f"{_LOW} {_NET} graph",
    "attribution_graph": f"{_LOW} {_NET} graph execution",
    "zoo": f"{_LOW} {_NET}",
    "scan.statistics": _RUN,
    "scan.tables": f"{_RUN} scan.statistics",
    "scan.codes": f"{_RUN} scan.statistics",
    "scan": f"{_RUN} scan.statistics scan.tables scan.codes",
    "optimize": _RUN,
    "adversarial": _RUN,
    "representation": _RUN,
    "representation.similarity": f"{_RUN} {_SCAN} representation",
    "representation.separation": f"{_RUN} {_SCAN} representation",
    "representation.embedding": f"{_RUN} {_SCAN} representation representation.separation",
    "techniques": _RUN,
    "techniques.attribution": _ABOUT,
    "techniques.inspection": f"{_ABOUT} techniques.attribution",
    "techniques.connections": f"{_ABOUT} attribution_graph techniques.attribution techniques.inspection",
    "techniques.evaluation": f"{_ABOUT} techniques.attribution",
    "techniques.visualization": f"{_ABOUT} techniques.inspection zoo",
    "techniques.dream": _ABOUT,
    "techniques.inversion": _ABOUT,
    "techniques.style": f"{_ABOUT} techniques.dream techniques.inversion",
    "techniques.representation": f"{_ABOUT} {_MAPS} techniques.inspection techniques.visualization zoo",
    "techniques.differences": f"{_ABOUT} techniques.attribution",
    "techniques.adversarial": f"{_ABOUT} adversarial techniques.visualization techniques.differences zoo",
    "training.statistics": f"{_LOW} {_NET} scan.statistics",
    "training.storage": _LOW,
    "training.watching": f"{_LOW} {_NET} training.statistics",
    "training.live": f"{_LOW} {_NET} training.watching",
    "training": f"{_LOW} {_NET} training.statistics training.storage training.watching training.live",
    "training.evolution": f"{_ABOUT} {_MAPS} techniques.inspection techniques.representation training.storage",
    "training.convnetjs": f"{_LOW} data {_NET} training training.storage",
    "catalog": f"{_RUN} {_SCAN} zoo",  # techniques by their names alone
    "explorer.workspace": f"{_ALL} representation.embedding training.live",
    "explorer.answers": f"{_ALL} explorer.workspace",
    "explorer.maps": f"{_ALL} {_MAPS} explorer.workspace explorer.answers",
    "explorer.space": f"{_ALL} explorer.workspace explorer.answers",
    "explorer.training": f"{_ALL} {_TRAINED} explorer.workspace",
    "explorer.jobs": f"{_ALL} explorer.workspace explorer.maps",
    "explorer": f"{_ALL} {_EXPLORER.removeprefix('explorer ')}",
    "fronts.report": f"{_ALL} zoo",
    "fronts.server": f"{_ALL} zoo {_EXPLORER}",
    "fronts": f"{_ALL} zoo {_TRAINED} explorer.training fronts.report fronts.server",
    "fronts.cli": f"{_ALL} zoo training training.storage training.convnetjs fronts.report fronts.server fronts",
    "__main__": "fronts.cli",
    "__init__": "base",  # lazy: the stub names the modules
}
DOORS = {  # late imports that go against the order, each in one place
    "contract.display": "view.encode",  # results draw themselves
    "network.network": "graph",  # `net.receptive_field`
}
FRONT = {("network.network", "__init__"), ("training.recorder", "__init__")}  # `net.explore`, and `show=True`
MOST = 17  # modules in a folder


def name_of(path):
    """The dotted name of a file, without convscope."""
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts)


def folder_of(name):
    """The folder of a module; one that lies beside `__init__` stands for itself."""
    return name.rpartition(".")[0] or name


def package(path):
    """The first word of a file's name."""
    return name_of(path).split(".")[0]


@functools.cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imports(path):
    """Every name a file imports, and when: at once, late inside a function, or only for types."""
    tree = parsed(path)
    late = {id(node) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for node in ast.walk(f)}
    checks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    types = {id(node) for check in checks for node in ast.walk(check)}

    def when(node):
        return "types" if id(node) in types else "late" if id(node) in late else "at once"

    return [(name, when(node)) for node in ast.walk(tree) for name in _named(path, node)]


def _named(path, node):
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom(level=0):
            return [f"{node.module}.{alias.name}" for alias in node.names]
        case ast.ImportFrom():
            base = ["convscope", *path.relative_to(SOURCE).parts[: -node.level], *filter(None, [node.module])]
            return [".".join([*base, alias.name]) for alias in node.names]
        case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
            return [name]
    return []


def ours(path):
    """The modules of ours that a file imports when it runs, and when."""
    found = []
    for name, when in imports(path):
        first, *words = name.split(".")
        while words and not SOURCE.joinpath(*words).with_suffix(".py").is_file():
            words.pop()
        if first == "convscope" and when != "types":
            found.append((".".join(words) or "__init__", when))
    return found


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_imports_point_one_way(path):
    own = folder_of(name_of(path))
    assert own in MAY_IMPORT or path.name == "__init__.py", f"{own} has no place yet in the order of imports"
    for name, when in ours(path):
        door = when == "late" and DOORS.get(name_of(path)) == folder_of(name)
        front = when == "late" and (name_of(path), name) in FRONT
        allowed = folder_of(name) in (own, *MAY_IMPORT[own].split())
        assert door or front or allowed, f"{own} must not import {name}"


def test_folders_stand_in_order():
    names = list(MAY_IMPORT)
    for name, others in MAY_IMPORT.items():
        assert all(names.index(other) < names.index(name) for other in others.split()), name


def test_no_files_import_each_other_in_a_circle():
    below = {
        name_of(path): {name for name, _ in ours(path) if DOORS.get(name_of(path)) != folder_of(name)} - {"__init__"}
        for path in FILES
    }
    try:
        graphlib.TopologicalSorter(below).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_no_folder_holds_many_files():
    held = collections.Counter(path.parent for path in FILES if path.name != "__init__.py")
    assert not {folder.name: count for folder, count in held.items() if count > MOST}, "a family is worth a folder"


def test_no_public_function_or_class_has_the_name_of_another():
    homes = collections.defaultdict(set)
    for path in FILES:
        for node in parsed(path).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].add(name_of(path))
    assert not {name: places for name, places in homes.items() if len(places) > 1}


@pytest.mark.parametrize(
    "path", [p for p in FILES if package(p) in ("base", "contract", "results", "view")], ids=name_of
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
    "path", [p for p in FILES if package(p) not in ("fronts", "explorer", "__main__")], ids=name_of
)
def test_only_fronts_print(path):
    calls = [node.func for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
    assert not [func for func in calls if isinstance(func, ast.Name) and func.id == "print"]


FROM_OUTSIDE = [  # the server's paths are of its own making
    path
    for path in FILES
    if package(path) not in ("scan", "optimize", "store", "explorer")
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
    packages = {"PIL": "pillow", "openTSNE": "opentsne", "umap": "umap_learn", "sklearn": "scikit_learn"}
    packages["pytorch_lightning"] = "lightning"  # its other name
    assert {packages.get(name, name) for name in used} <= declared


STUB = ast.parse((SOURCE / "__init__.pyi").read_text(encoding="utf-8"))
IMPORTED = {
    alias.asname or alias.name for node in STUB.body if isinstance(node, ast.ImportFrom) for alias in node.names
}
NAMES = sorted(name for name in IMPORTED if not name.startswith("_"))
FUNCTIONS = [name for name in NAMES if inspect.isfunction(getattr(cs, name, None))]
TECHNIQUES = [name for name in FUNCTIONS if ".techniques." in getattr(cs, name).__module__]


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
