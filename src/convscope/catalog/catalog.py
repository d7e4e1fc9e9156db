"""The one ordered list of techniques; menus, the command line and the documentation follow its order.

A technique is named here and imported when it is first asked for: listing them must not import torch.
"""

from __future__ import annotations

import ast
import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from ..base import knobs
from ..base.errors import BadKnob, nearest
from ..base.results import Result
from ..base.technique import Technique

MORE = "..."  # after an argument of which there may be several
_PACKAGE = "convscope.techniques"


@dataclass(frozen=True)
class Entry:
    """A technique: the function `name` in `techniques/module.py`.

    On the command line, one that `presumes` needs no more than an IMAGE: the network is then lite0, and the unit the
    most probable class. One that `resumes` takes up its state from a folder, `--checkpoint`. One
    that takes `several` takes one or more of the last subject.
    """

    name: str
    module: str
    presumes: bool = False
    resumes: bool = False
    several: bool = False

    @property
    def command(self) -> str:
        """The name on the command line."""
        return self.name.replace("_", "-")

    @property
    def summary(self) -> str:
        """The first sentence of the docstring, read from the source without importing it."""
        return _docstrings(self.module)[self.name].partition("\n")[0]

    @property
    def function(self) -> Technique[..., Result]:
        """The technique itself."""
        function: Technique[..., Result] = getattr(importlib.import_module(f"{_PACKAGE}.{self.module}"), self.name)
        return function

    @property
    def subjects(self) -> list[str]:
        """What it is about, in order: `net`, then `image`, `scan`, `unit` or `layer`."""
        return knobs.subjects(self.function)

    @property
    def arguments(self) -> list[str]:
        """The subjects as the command line names them: NETWORK, then IMAGE, SCAN …; in brackets if optional."""
        words = ["NETWORK" if name == "net" else name.upper() for name in self.subjects]
        words[-1] += MORE if self.several else ""
        return [f"[{word}]" if self.presumes and word != "IMAGE" else word for word in words]

    @property
    def result(self) -> type[Result]:
        """The type of its result."""
        return _returned(self)

    @property
    def schema(self) -> dict[str, dict[str, Any]]:
        """The JSON Schema of each knob."""
        return knobs.schema(self.function)


CATALOG = (
    Entry("weights", "weights"),
    Entry("activations", "activations"),
    Entry("saliency", "gradients"),
    Entry("guided_backprop", "gradients"),
    Entry("deconvnet", "gradients"),
    Entry("input_x_gradient", "gradients"),
    Entry("smoothgrad", "averaged"),
    Entry("vargrad", "averaged"),
    Entry("integrated_gradients", "integrated"),
    Entry("gradcam", "gradcam"),
    Entry("project", "projection"),
    Entry("patches", "patches"),
    Entry("occlusion", "occlusion"),
    Entry("rise", "rise"),
    Entry("perturbation_mask", "masks"),
    Entry("insertion_deletion", "faithfulness"),
    Entry("sanity_check", "sanity"),
    Entry("pointing_game", "pointing"),
    Entry("compare", "comparison", presumes=True),
    Entry("maximize", "maximize", resumes=True),
    Entry("sheet", "sheet", resumes=True),
    Entry("dream", "dream", resumes=True),
    Entry("invert", "invert", resumes=True),
    Entry("style", "style", resumes=True, several=True),
)


def entry(name: str) -> Entry:
    """The technique of this name, with underscores or dashes; raises BadKnob where there is none."""
    known = {known.name: known for known in CATALOG}
    found = known.get(name.replace("-", "_"))
    if found is None:
        raise BadKnob(f"There is no technique {name!r}.{nearest(name, known)} There are: {', '.join(known)}.")
    return found


@cache
def _returned(entry: Entry) -> type[Result]:
    kind: type[Result] = get_type_hints(entry.function)["return"]
    return kind


@cache
def _docstrings(module: str) -> dict[str, str]:
    source = Path(__file__).parents[1] / "techniques" / f"{module}.py"
    functions = [node for node in ast.parse(source.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)]
    return {node.name: ast.get_docstring(node) or "" for node in functions}
