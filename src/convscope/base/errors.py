"""What can go wrong, as one tree.

    ConvscopeError
    ├── UnknownNetwork   (LookupError)   no network by that name
    ├── BadNetwork       (RuntimeError)  code that was to make a network raised, or made something else
    ├── UnknownLayer     (LookupError)   the network has no such layer
    ├── UnknownUnit      (LookupError)   no such channel, position or class, or an address that cannot be read
    ├── BadImage         (ValueError)    not an image, or one that cannot be used
    ├── BadSource        (ValueError)    not a collection of images, or one without a single usable image
    ├── BadScan          (ValueError)    a scan that cannot be read, resumed or merged
    ├── BadCheckpoint    (ValueError)    a checkpoint that cannot be read, or of another request
    ├── BadRecord        (ValueError)    a record of training that cannot be read
    ├── BadStore         (ValueError)    a store of results, or a queue of jobs, that cannot be used
    ├── BadWeights       (ValueError)    a weights file that cannot be read or does not fit
    ├── BadJson          (ValueError)    a text that must be JSON and is none
    ├── BadKnob          (ValueError)    a knob out of its bounds, or a subject of the wrong type
    ├── ForwardFailed    (RuntimeError)  the user's module raised, or returned something unusable
    ├── CannotExport     (RuntimeError)  the executed graph of a module cannot be found
    ├── NoRectifier      (RuntimeError)  a backward rule found nothing to change
    ├── CannotDownload   (RuntimeError)  a hub could not be reached
    ├── QueueFull        (RuntimeError)  too many jobs wait already
    ├── UnknownJob       (LookupError)   no job by that name, or not in the state this needs
    ├── CannotRerun      (RuntimeError)  a picture's request cannot be carried out again
    ├── CannotWrite      (OSError)       an output that cannot be written
    └── MissingExtra     (ImportError)   an optional package is not installed

Every message says what must be what, not this, and then the next step. The command line prints it and exits with 2.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping


class ConvscopeError(Exception):
    """Something a user of convscope can put right."""


class UnknownNetwork(ConvscopeError, LookupError):
    """No network by that name."""


class BadNetwork(ConvscopeError, RuntimeError):
    """Code that was to make a network raised, or made something else."""


class UnknownLayer(ConvscopeError, LookupError):
    """The network has no such layer."""


class UnknownUnit(ConvscopeError, LookupError):
    """No such channel, position or class, or an address that cannot be read."""


class BadImage(ConvscopeError, ValueError):
    """Not an image, or one that cannot be used."""


class BadSource(ConvscopeError, ValueError):
    """Not a collection of images, or one without a single usable image."""


class BadScan(ConvscopeError, ValueError):
    """A scan that cannot be read, resumed or merged."""


class BadCheckpoint(ConvscopeError, ValueError):
    """A checkpoint that cannot be read, or of another request."""


class BadRecord(ConvscopeError, ValueError):
    """A record of training that cannot be read."""


class BadStore(ConvscopeError, ValueError):
    """A store of results, or a queue of jobs, that cannot be used."""


class BadWeights(ConvscopeError, ValueError):
    """A weights file that cannot be read or does not fit the network."""


class BadJson(ConvscopeError, ValueError):
    """A text that must be JSON and is none."""


class BadKnob(ConvscopeError, ValueError):
    """A knob out of its bounds, or a subject of the wrong type."""


class ForwardFailed(ConvscopeError, RuntimeError):
    """The user's module raised, or returned something unusable."""


class CannotExport(ConvscopeError, RuntimeError):
    """The executed graph of a module cannot be found."""


class NoLinearPart(ConvscopeError, RuntimeError):
    """Between two layers lies what weights alone say nothing about, such as a gate."""


class NoRectifier(ConvscopeError, RuntimeError):
    """A backward rule found nothing to change."""


class CannotDownload(ConvscopeError, RuntimeError):
    """A hub could not be reached."""


class QueueFull(ConvscopeError, RuntimeError):
    """Too many jobs wait already."""


class UnknownJob(ConvscopeError, LookupError):
    """No job by that name, or not in the state this needs."""


class CannotRerun(ConvscopeError, RuntimeError):
    """A picture's request cannot be carried out again."""


class CannotWrite(ConvscopeError, OSError):
    """An output that cannot be written."""


class MissingExtra(ConvscopeError, ImportError):
    """An optional package is not installed."""


class ConvscopeWarning(UserWarning):
    """Something a user should know but that stops nothing."""


def nearest(wanted: str, known: Iterable[str], count: int = 3, alike: float = 0.5) -> str:
    """A sentence that names the known words most like `wanted`, at least `alike` from 0 to 1, or an empty string."""
    names = list(known)
    found = difflib.get_close_matches(wanted, names, count, alike)
    found += [name for name in names if wanted and wanted.lower() in name.lower() and name not in found]
    return f" Nearest: {', '.join(found[:count])}." if found else ""


def nearest_told(wanted: str, told: Mapping[str, str], before: str = "") -> str:
    """As `nearest`, of names with a sentence each, which may say the word that was wanted; `before` stands before all.

    Much the same name comes first, then what has the word in its sentence, and only else some name a little alike.
    """
    same = nearest(wanted, told, 1, 0.8)
    about = [name for name, sentence in told.items() if wanted.lower() in re.findall(r"\w+", sentence.lower())]
    if about and not same:
        return f" Nearest: {', '.join(before + name for name in about[:3])}."
    return nearest(f"{before}{wanted}", [before + name for name in told])


def first_line(error: BaseException) -> str:
    """The type and the first line of an error's message, for quoting inside another message."""
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__


def reason(error: Exception) -> str:
    """Why a file cannot be used, in the words of the system: of an OSError, or a ValueError for what is no path."""
    return getattr(error, "strerror", None) or "no file can have this name"
