"""Where the explorer listens, whom it answers to there, and the token that lets in."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from contextlib import suppress
from pathlib import Path

from ...base.errors import BadKnob

PORT = 8765  # if it is free: a page that is open then finds the server again
_SHORTEST = 43  # characters of a token


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens on a port, or for 0 on the usual one, else any that is free; raises BadKnob."""
    if not 0 <= port < 1 << 16:
        raise BadKnob(f"port must be from 0, which is any, to 65535, not {port}.")
    try:
        family = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][0]
    except (OSError, UnicodeError):
        raise BadKnob(f"host must be an address of this computer, not {host!r}. Leave it out for 127.0.0.1.") from None
    failure: OSError | None = None
    for each in [port] if port else [PORT, 0]:
        try:
            return _listening(family, host, each)
        except OSError as error:
            failure = error
    assert failure is not None
    raise BadKnob(
        f"port must be free on {host}, and {port or 'no port'} is not ({failure.strerror}). Leave --port out to have "
        "any that is."
    )


def _listening(family: int, host: str, port: int) -> socket.socket:
    """Said to be TCP in so many words: only then asyncio sends small answers at once, and not 40 ms later."""
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there it would share the port with others
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen()
    except OSError:
        made.close()
        raise
    return made


def addresses(host: str, port: int) -> tuple[str, set[str], int | None]:
    """The host to print, all that may be called on, and the port if any address in numbers may."""
    own = f"[{host}]" if ":" in host else host
    wild = host in ("0.0.0.0", "::", "")
    shown = "127.0.0.1" if wild else own
    named = {"127.0.0.1", "localhost", "[::1]", own, *([socket.gethostname().lower()] if wild else [])}
    return f"{shown}:{port}", {f"{name}:{port}" for name in named}, port if wild else None


def token_in(folder: Path) -> str:
    """The token of a store: made once, for its owner's eyes only, so that links and open pages outlive a restart."""
    path = folder / "token"
    new = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with suppress(FileExistsError), os.fdopen(os.open(path, new, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(32))
    token = path.read_text().strip()
    if len(token) < _SHORTEST:  # stopped while it was written
        path.unlink()
        return token_in(folder)
    return token
