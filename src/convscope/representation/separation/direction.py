"""A direction of a layer's codes that separates a selection, where no single unit does: logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.warned import unwarned
from ..centered import Centered, checked_codes, constant_units
from .auroc import auroc, checked_selection

_STEPS = 1000  # of the optimizer


@dataclass(frozen=True, eq=False)
class SeparatingDirection:
    """A direction of the codes of `layer`, `weights` (d,) and `bias`, with its area under the ROC curve.

    `auroc` is that on the half that tests, `found` that on the half it was fitted to; `converged` says whether the fit
    came to its end.
    """

    layer: str
    weights: NDArray[np.float64]
    bias: float
    found: float
    auroc: float
    converged: bool

    def scores(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        """How far codes (n, d) lie on the side of the selection, (n,): the logit."""
        return np.asarray(checked_codes(codes) @ self.weights + self.bias)


def fit_direction(
    layer: str, codes: NDArray[Any], selected: NDArray[np.bool_], finding: NDArray[np.bool_], *, penalty: float = 10.0
) -> SeparatingDirection:
    """Fit a logistic direction to codes (n, d) on one half of the images, `finding` (n,), and test it on the other.

    Units are brought to one scale first, so that `penalty`, on the squared weights, means the same for all; both kinds
    of image weigh the same, however few are selected. Raises BadKnob for NaN, and a half without either kind.
    """
    codes, selected = checked_codes(codes), checked_selection(selected, len(codes))
    found = Centered.of(codes[finding], f"The half of {layer} that finds", 2)
    checked_selection(selected[finding], len(found))
    weights, bias, converged = _fitted(found, selected[finding], penalty)
    fitted, tested = (float(auroc(codes[half] @ weights[:, None], selected[half])[0]) for half in (finding, ~finding))
    return SeparatingDirection(layer, weights, bias, fitted, tested, converged)


def _fitted(codes: Centered, selected: NDArray[np.bool_], penalty: float) -> tuple[NDArray[np.float64], float, bool]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    deviation = np.sqrt(codes.squares / len(codes))
    deviation[constant_units(codes.squares, len(codes), codes.mean)] = np.inf
    model = LogisticRegression(C=1 / penalty, class_weight="balanced", max_iter=_STEPS)
    with unwarned(ConvergenceWarning):
        model.fit(codes.values / deviation, selected)
    weights = model.coef_[0] / deviation
    return weights, float(model.intercept_[0] - weights @ codes.mean), bool(model.n_iter_[0] < _STEPS)
