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

from ..base.errors import BadKnob, nearest
from ..contract import knobs
from ..contract.result import Result
from ..contract.technique import Technique

MORE = "..."  # after an argument of which there may be several
_PACKAGE = "convscope.techniques"


@dataclass(frozen=True)
class Entry:
    """A technique: the function `name` in the module of `techniques`.

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
    Entry("weights", "inspection.weights"),
    Entry("activations", "inspection.activations"),
    Entry("saliency", "attribution.gradients"),
    Entry("guided_backprop", "attribution.gradients"),
    Entry("deconvnet", "attribution.gradients"),
    Entry("input_x_gradient", "attribution.gradients"),
    Entry("smoothgrad", "attribution.smoothgrad"),
    Entry("vargrad", "attribution.smoothgrad"),
    Entry("integrated_gradients", "attribution.integrated_gradients"),
    Entry("gradcam", "attribution.gradcam"),
    Entry("project", "inspection.project"),
    Entry("patches", "inspection.patches"),
    Entry("occlusion", "attribution.occlusion"),
    Entry("rise", "attribution.rise"),
    Entry("perturbation_mask", "attribution.perturbation_mask"),
    Entry("insertion_deletion", "evaluation.insertion_deletion"),
    Entry("sanity_check", "evaluation.sanity_check"),
    Entry("pointing_game", "evaluation.pointing_game"),
    Entry("compare", "evaluation.compare", presumes=True),
    Entry("maximize", "visualization.maximize", resumes=True),
    Entry("sheet", "visualization.sheet", resumes=True),
    Entry("dream", "dream.dream", resumes=True),
    Entry("invert", "inversion.invert", resumes=True),
    Entry("style", "style.style", resumes=True, several=True),
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
    source = Path(__file__).parents[1].joinpath("techniques", *module.split(".")).with_suffix(".py")
    functions = [node for node in ast.parse(source.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)]
    return {node.name: ast.get_docstring(node) or "" for node in functions}
