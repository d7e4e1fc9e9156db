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
class CatalogEntry:
    """A technique: the function `name` in the module of `techniques`."""

    name: str
    module: str

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
    def presumes(self) -> bool:
        """Whether the command line may leave out all but the image."""
        return self.function.presumes

    @property
    def resumes(self) -> bool:
        """Whether it takes up its state from a folder."""
        return self.function.resumes

    @property
    def several(self) -> bool:
        """Whether the command line takes one or more of the last subject."""
        return self.function.kinds[self.subjects[-1]].several

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
    CatalogEntry("weights", "inspection.weights"),
    CatalogEntry("activations", "inspection.activations"),
    CatalogEntry("saliency", "attribution.gradients"),
    CatalogEntry("guided_backprop", "attribution.gradients"),
    CatalogEntry("deconvnet", "attribution.gradients"),
    CatalogEntry("input_x_gradient", "attribution.gradients"),
    CatalogEntry("smoothgrad", "attribution.smoothgrad"),
    CatalogEntry("vargrad", "attribution.smoothgrad"),
    CatalogEntry("integrated_gradients", "attribution.integrated_gradients"),
    CatalogEntry("gradcam", "attribution.gradcam"),
    CatalogEntry("project", "inspection.project"),
    CatalogEntry("patches", "inspection.patches"),
    CatalogEntry("connections", "connections.connections"),
    CatalogEntry("formula", "connections.formula"),
    CatalogEntry("expanded_weights", "connections.expanded_weights"),
    CatalogEntry("occlusion", "attribution.occlusion"),
    CatalogEntry("rise", "attribution.rise"),
    CatalogEntry("perturbation_mask", "attribution.perturbation_mask"),
    CatalogEntry("insertion_deletion", "evaluation.insertion_deletion"),
    CatalogEntry("sanity_check", "evaluation.sanity_check"),
    CatalogEntry("pointing_game", "evaluation.pointing_game"),
    CatalogEntry("compare", "evaluation.compare"),
    CatalogEntry("embed", "representation.embed"),
    CatalogEntry("neuron_projection", "representation.neuron_projection"),
    CatalogEntry("separating_units", "representation.separating_units"),
    CatalogEntry("compare_networks", "representation.compare_networks"),
    CatalogEntry("flipped_units", "differences.flipped_units"),
    CatalogEntry("margin_path", "differences.margin_path"),
    CatalogEntry("maximize", "visualization.maximize"),
    CatalogEntry("sheet", "visualization.sheet"),
    CatalogEntry("dream", "dream.dream"),
    CatalogEntry("invert", "inversion.invert"),
    CatalogEntry("style", "style.style"),
    CatalogEntry("fgsm", "adversarial.signed_steps"),
    CatalogEntry("bim", "adversarial.signed_steps"),
    CatalogEntry("pgd", "adversarial.signed_steps"),
    CatalogEntry("mifgsm", "adversarial.signed_steps"),
    CatalogEntry("deepfool", "adversarial.deepfool"),
    CatalogEntry("cw", "adversarial.cw"),
    CatalogEntry("minimal", "adversarial.minimal"),
    CatalogEntry("fooling", "adversarial.fooling"),
    CatalogEntry("universal", "adversarial.universal"),
)


def entry(name: str) -> CatalogEntry:
    """The technique of this name, with underscores or dashes; raises BadKnob where there is none."""
    known = {known.name: known for known in CATALOG}
    found = known.get(name.replace("-", "_"))
    if found is None:
        raise BadKnob(f"There is no technique {name!r}.{nearest(name, known)} There are: {', '.join(known)}.")
    return found


@cache
def _returned(entry: CatalogEntry) -> type[Result]:
    kind: type[Result] = get_type_hints(entry.function)["return"]
    return kind


@cache
def _docstrings(module: str) -> dict[str, str]:
    source = Path(__file__).parents[1].joinpath("techniques", *module.split(".")).with_suffix(".py")
    functions = [node for node in ast.parse(source.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)]
    return {node.name: ast.get_docstring(node) or "" for node in functions}
