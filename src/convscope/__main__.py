"""The way in to the command line, also of `python -m convscope`: Ctrl-C is one line, also while the rest is imported.

Only what Python itself does before, and the import of the package, which is short, still ends in its own words.
"""

from __future__ import annotations

import os
import signal
import sys

_STOPPED = 130  # the exit status of what SIGINT ended


def main() -> None:
    """Run the command line; until it is imported nothing is begun, so that Ctrl-C ends the process at once."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:  # else the shell, or whoever runs this, has decided otherwise
        signal.signal(signal.SIGINT, _stop)
    from .fronts.cli.main import command_line as run

    try:
        if usual is signal.default_int_handler:
            signal.signal(signal.SIGINT, usual)
        run()
    except KeyboardInterrupt:  # before the command line listened, or once more while it was ending
        _stop()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
        if usual is signal.default_int_handler:  # all is done but Python's own end, which would be told as a failure
            signal.signal(signal.SIGINT, lambda *_: os._exit(code))
        raise
    finally:
        exec("")  # clears Python's note of an interrupt inside some `exec`, which would end the process by its signal


def _stop(*_: object) -> None:
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, b"Stopped. No file is half written.\n")
    os._exit(_STOPPED)


if __name__ == "__main__":
    main()
