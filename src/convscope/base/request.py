"""Requests: what was asked, exactly enough to ask it again and to recognize the same question by its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .version import VERSION


@dataclass(frozen=True)
class Request:
    """A technique, its subjects and its knobs.

    Each subject is described by a `reference`, the text it can be loaded by again, and, for networks and images, a
    `digest` of its contents. `view` holds the choices of a picture; they do not change what is computed.
    """

    technique: str
    subjects: Mapping[str, Mapping[str, str]]
    knobs: Mapping[str, Any]
    view: Mapping[str, Any] = field(default_factory=dict)
    version: str = VERSION

    @property
    def digest(self) -> str:
        """SHA-256 of technique, contents of the subjects, knobs and version; not of file names, not of the view."""
        contents = {name: subject.get("digest", subject["reference"]) for name, subject in self.subjects.items()}
        return _sha256([self.technique, contents, dict(self.knobs), self.version])

    def to_json(self) -> str:
        """JSON, subjects in their order: the same request gives the same text."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Request:
        """The request a JSON text describes."""
        return cls(**json.loads(text))

    def python(self) -> str:
        """The line of Python that makes this result, after `import convscope as cs`."""
        arguments = [_expression(name, subject) for name, subject in self.subjects.items()]
        arguments += [f"{name}={value!r}" for name, value in self.knobs.items()]
        return f"cs.{self.technique}({', '.join(arguments)})"


def _expression(name: str, subject: Mapping[str, str]) -> str:
    reference = subject["reference"]
    if "digest" not in subject:
        return repr(reference)
    if not reference:
        return name  # made in memory: the reader has it under some name of their own
    if name != "net":
        return repr(reference)
    weights = subject.get("weights", "default")
    extra = {"default": "", "none": ", weights=None"}.get(weights, f", weights={weights!r}")
    return f"cs.load({reference!r}{extra})"


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
