"""What a technique can be about, one class a kind: how it is read, found again for a request, and named by a page.

A subject is known by the name of its parameter, which requests hold; `KINDS` are those that mean the same everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..base.errors import BadImage, CannotRerun
from ..base.image import Image, open_image
from .images import BETWEEN, Pictures, are_several, open_pictures, split_text

_ID = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Where:
    """Where the subjects of a request may be now: a folder `beside` it, and what replaces its image."""

    beside: Path | None = None
    image: str | None = None

    def places(self, reference: str) -> list[str]:
        """Where to look for what was at a reference, the likeliest place first."""
        return [reference, *([str(self.beside / Path(reference).name)] if self.beside else [])]


class AtHand(Protocol):
    """What a page may name."""

    def image(self, id: str) -> Image:
        """The image of an id; raises BadImage."""

    source: str  # of the images the page was started with; empty without any

    def selection(self, text: str) -> str | list[str]:
        """The ids of images that were selected before, or the text as it is; raises BadKnob where they are gone."""

    def source_of(self, digest: str) -> Any:
        """The collection of images of a digest; raises BadSource where it is not at hand."""

    def network(self, name: str) -> Any:
        """The network of a name on offer; raises UnknownNetwork."""

    def scan_of(self, net: Any) -> Any:
        """The scan at hand; raises BadScan where there is none, or it is of another network."""


class Subject:
    """A kind of subject. Whoever asks names it, unless it is not `named`; a command takes `several` words for it.

    A page leaves out one that is not `named`, or names it as well where it is `nameable`.
    """

    named = True
    nameable = False
    several = False

    def read(self, net: Any, given: Any) -> Any:
        """What a technique is given, checked against its network."""
        return given

    def reopen(self, described: Mapping[str, str], where: Where) -> Any:
        """The subject that a request describes; raises CannotRerun where it is gone."""
        return described["reference"]

    def offered(self, net: Any, text: str, at: AtHand) -> Any:
        """What a page means by a text; it may name what is at hand, and no file."""
        return text

    def images(self, text: str) -> set[str]:
        """The ids of the images that a page's text names, wherever in it."""
        return set(_ID.findall(text))


@dataclass(frozen=True)
class Given(Subject):
    """A subject with a reader of its own, of the network and what is given."""

    reader: Callable[[Any, Any], Any]

    def read(self, net: Any, given: Any) -> Any:
        """As the reader does."""
        return self.reader(net, given)


@dataclass(frozen=True)
class ImageSubject(Subject):
    """A picture; `replaced` where it is the image that a request is about."""

    replaced: bool = True

    def read(self, net: Any, given: Any) -> Image:
        """Raises BadImage."""
        return open_image(given)

    def reopen(self, described: Mapping[str, str], where: Where) -> Any:
        """As it was, or where it is now."""
        return _image(described["reference"], where if self.replaced else Where(where.beside))

    def offered(self, net: Any, text: str, at: AtHand) -> Image:
        """By its id."""
        return at.image(text)


@dataclass(frozen=True)
class PicturesSubject(Subject):
    """One picture or several, called `what`; `replaced` where it is the image that a request is about."""

    what: str
    several: bool = False
    replaced: bool = False

    def read(self, net: Any, given: Any) -> Pictures:
        """Raises BadImage, and MissingExtra for a video without PyAV."""
        return open_pictures(given, self.what)

    def reopen(self, described: Mapping[str, str], where: Where) -> Any:
        """A folder or a video as it was; pictures that moved are looked for one by one."""
        where = where if self.replaced else Where(where.beside)
        reference = described["reference"]
        if where.image is None and reference and are_several(reference) and BETWEEN not in reference:
            return open_pictures(reference)
        named = split_text(reference) if where.image is None else [where.image]
        return open_pictures([_image(part, where) for part in named])

    def offered(self, net: Any, text: str, at: AtHand) -> Any:
        """By its id, or by several with ; between them."""
        return [at.image(id) for id in split_text(text)] if self.several else at.image(text)


KINDS: dict[str, Subject] = {
    "net": Subject(),
    "image": ImageSubject(),
    "unit": Given(lambda net, given: net.unit(given)),
    "layer": Given(lambda net, given: net.layer(given)),
}


def _image(reference: str, where: Where) -> Image:
    if where.image is None and not reference:
        raise CannotRerun("This was made with an image from memory. Say where it is: --image PATH.")
    for place in where.places(reference) if where.image is None else [where.image]:
        try:
            return open_image(place)
        except BadImage as error:
            failure = error
    raise CannotRerun(f"{failure} Or say where the image is now: --image PATH.")
