"""A selection of the images of a collection as the subject of a technique."""

from __future__ import annotations

from typing import Any

from ...base.errors import BadKnob
from ...contract.subjects import AtHand, Subject
from ...representation.separation.selection import ids_as_text


class SelectionSubject(Subject):
    """A class, an SQL condition on `id` and `class`, or ids with commas between them, of which a list is made that."""

    def read(self, net: Any, given: Any) -> str:
        """Raises BadKnob for what is no text and no list of texts, and for nothing."""
        several = given if isinstance(given, list | tuple) else [given]
        if not several or not all(isinstance(one, str) and one.strip() for one in several):
            raise BadKnob(
                f"selection must be a class, ids of images, or an SQL condition on id and class, not {given!r:.80}. "
                "Name a class, such as 'cat'."
            )
        return given if isinstance(given, str) else ids_as_text(several)

    def offered(self, net: Any, text: str, at: AtHand) -> Any:
        """The ids that a page has selected on a map, or the text itself."""
        return self.read(net, at.selection(text))

    def images(self, text: str) -> set[str]:
        """None: what looks like an id stands for a selection, whose images are those of a source."""
        return set()
