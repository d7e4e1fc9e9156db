"""The bundled photos: small, free, attributed. `photos/LICENSES.md` says where each comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PREFIX = "sample:"


@dataclass(frozen=True)
class Sample:
    """One bundled photo: its name, file, what it shows, and to whom thanks are due."""

    name: str
    shows: str
    author: str
    licence: str

    @property
    def path(self) -> Path:
        """Where the JPEG lies."""
        return Path(__file__).parent / "photos" / f"{self.name}.jpg"


_SAMPLES = (
    Sample("cat", "Chelsea, a tabby cat", "Stéfan van der Walt", "CC0"),
    Sample("coffee", "an espresso in a cup", "Rachel Michetti", "CC0"),
    Sample("astronaut", "Eileen Collins in her space suit", "NASA", "public domain"),
    Sample("rocket", "a Falcon 9 leaving the pad", "SpaceX", "CC0"),
    Sample("flower", "a dahlia", "vultilion", "CC BY 2.0"),
    Sample("temple", "the Summer Palace in Beijing", "danielbuechele", "CC BY 2.0"),
    Sample("galaxies", "the Hubble deep field", "NASA, ESA and STScI", "public domain"),
    Sample("starry-night", "The Starry Night, 1889", "Vincent van Gogh", "public domain"),
)


def samples() -> dict[str, Sample]:
    """The bundled photos by name; open one with `open_image("sample:cat")`."""
    return {sample.name: sample for sample in _SAMPLES}
