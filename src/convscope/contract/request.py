"""Requests: what was asked, exactly enough to ask it again and to recognize the same question by its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from ..base.errors import BadJson
from ..base.plain import from_json
from ..base.version import VERSION


@dataclass(frozen=True)
class Request:
    """A technique, its subjects and its knobs.

    Each subject is described by a `reference`, the text it can be loaded by again, and, for networks and images, a
    `digest` of its contents; `inputs` are those of files that knobs name. `view` holds the choices of a picture; they
    do not change what is computed.
    """

    technique: str
    subjects: Mapping[str, Mapping[str, str]]
    knobs: Mapping[str, Any]
    view: Mapping[str, Any] = field(default_factory=dict)
    version: str = VERSION
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of technique, contents of subjects, knobs, what these name, and version; not of the view."""
        contents = {name: subject.get("digest", subject["reference"]) for name, subject in self.subjects.items()}
        named = [dict(self.inputs)] if self.inputs else []
        return _sha256([self.technique, contents, dict(self.knobs), *named, self.version])

    def to_json(self) -> str:
        """JSON, subjects in their order: the same request gives the same text."""
        told = asdict(self)
        if not self.inputs:
            del told["inputs"]
        return json.dumps(told, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Request:
        """The request a JSON text describes; raises BadJson where it describes none."""
        told = from_json(text, loose=True)
        match told:
            case {"technique": str(), "subjects": dict(subjects), "knobs": dict(), "version": str()} if all(
                map(_describes, subjects.values())
            ) and all(isinstance(told.get(name, {}), dict) for name in ("view", "inputs")):
                with suppress(TypeError):  # parts that a request has not
                    return cls(**told)
        raise BadJson("A request must hold technique, subjects, knobs, view and version, not this. Ask anew.")

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
    if "weights" not in subject and name != "net":
        return repr(reference)
    weights = subject.get("weights", "default")
    extra = {"default": "", "none": ", weights=None"}.get(weights, f", weights={weights!r}")
    return f"cs.load({reference!r}{extra})"


def _describes(subject: object) -> bool:
    """Whether a value read from JSON is how a request describes a subject."""
    return (
        isinstance(subject, dict) and "reference" in subject and all(isinstance(one, str) for one in subject.values())
    )


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
