"""Another network as the subject of a technique that compares two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...base.errors import BadKnob, CannotRerun, ConvscopeError
from ...contract.subjects import AtHand, Subject, Where
from ...network.network import Network
from ...zoo import zoo


class OtherNetwork(Subject):
    """A network, or the name of one; a user's own is made by code of theirs, which is run for them alone."""

    def read(self, net: Any, given: Any) -> Network:
        """Raises what `load` raises."""
        if isinstance(given, Network):
            return given
        if isinstance(given, str):
            return zoo.load(given)
        raise BadKnob(
            f"other must be a Network or a network's name, not {type(given).__name__}. Use cs.Network(module)."
        )

    def reopen(self, described: Mapping[str, str], where: Where) -> Any:
        """As it was; raises CannotRerun for one that was in memory, or that only code of the user's makes."""
        reference, weights = described["reference"], described.get("weights", "default")
        if not reference:
            raise CannotRerun(
                "This was made with another network from memory, which a picture cannot hold. Ask again from Python."
            )
        if zoo.own(reference):
            raise CannotRerun(
                f"This was made with {reference!r} too, and code that only a picture names is not run. If you trust "
                "that code, ask again and name it yourself."
            )
        try:
            return zoo.published(reference, weights)
        except ConvscopeError as error:
            raise CannotRerun(f"{error} Without it this cannot be made again.") from error

    def offered(self, net: Any, text: str, at: AtHand) -> Any:
        """One of those on offer: a page has no code run, and no weights fetched, that a text leads to."""
        return at.network(text)
