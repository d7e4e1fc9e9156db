"""An objective as the subject of a technique: the one kind of text that may open an image."""

from __future__ import annotations

from typing import Any

from ..base.errors import BadKnob, nearest
from ..base.samples import PREFIX, samples
from ..contract.subjects import AtHand, Given
from .objective_text import images_named


class ObjectiveSubject(Given):
    """An objective, or several; a page's may be about the bundled photos."""

    def offered(self, net: Any, text: str, at: AtHand) -> Any:
        """Raises BadKnob where it names another image."""
        known = [f"{PREFIX}{name}" for name in samples()]
        for image in images_named(text):
            if image not in known:
                raise BadKnob(
                    f"An image in an objective must be one of {', '.join(known)}, not {image!r}.{nearest(image, known)}"
                )
        return text
