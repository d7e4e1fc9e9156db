"""The command line. Techniques become commands by their signatures alone; verbs are in `verbs.py`.

Everything a user can put right ends with one sentence on stderr and exit code 2. Listing the commands imports no torch.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import Any

import click

from ...base.errors import ConvscopeError, ConvscopeWarning
from ...base.version import VERSION
from ...catalog.catalog import CATALOG
from .ends import printing, refusal, say, settle

_VERBS = {
    "layers": "List the layers of a network: name, kind, shape and number of units.",
    "predict": "Say what a network takes an image for.",
    "explore": "Explore a network in the browser: its layers and units on any picture, live.",
    "report": "Write one self-contained HTML file on what a network sees in images.",
    "scan": "Find what drives every unit over a collection of images: a folder, a zip, or tar shards.",
    "codes": "Have the code of every image of a collection: the activations of a layer, one number a channel.",
    "evolution": "Map the same images before, during and after the training of a network.",
    "train": "Train a small network of ConvNetJS on digits or pictures of yours, and record how it learns.",
    "watch": "Watch trainings in the browser, while they run and afterwards: loss, maps, weights, gradients.",
    "merge": "Put the parts of a scan together; refuses missing parts, and parts that overlap or differ.",
    "query": "Ask a scan in SQL: its tables are units, top, histograms, examples, images, layers, classes and run.",
    "rerun": "Make a picture again from the request it holds, and compare.",
    "samples": "List the bundled photos.",
}
_MODULES = {
    "explore": "explore",
    "scan": "scan_verbs",
    "codes": "scan_verbs",
    "evolution": "map_verbs",
    "train": "train_verb",
    "watch": "watch_verb",
    "merge": "scan_verbs",
    "query": "scan_verbs",
    "samples": "samples_verb",
}  # the rest: `verbs`


class Commands(click.Group):
    """The techniques in the order of the catalog, then the verbs; each is built when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return [entry.command for entry in CATALOG] + list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        if cmd_name in _VERBS:
            verbs = importlib.import_module(f"convscope.fronts.cli.{_MODULES.get(cmd_name, 'verbs')}")
            found: click.Command = getattr(verbs, f"{cmd_name}_command")
            return found
        for entry in CATALOG:
            if cmd_name in (entry.command, entry.name):
                from .technique_command import command

                return command(entry)
        return None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click does, with the nearest names where there is no such command."""
        from ...base.errors import nearest

        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            known = self.list_commands(ctx)
            near = nearest(args[0], known, alike=0.6) or f" There are: {', '.join(known)}."
            ctx.fail(f"There is no command {args[0]!r}.{near}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and first sentences, from source: no technique is imported."""
        with formatter.section("Techniques"):
            formatter.write_dl([(entry.command, entry.summary) for entry in CATALOG])
        with formatter.section("Verbs"):
            formatter.write_dl(list(_VERBS.items()))


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="A NETWORK is lite0 (works offline), lite1, lite2, torchvision:NAME, timm:NAME, or your own: FILE.py:NAME "
    "or package.module:NAME, a function, module or cs.Network, whose code is run. An IMAGE is a file or sample:NAME. "
    "A UNIT is layer, layer:channel, layer:channel@y,x, logits:CLASS or probs:CLASS.",
)
@click.version_option(VERSION, prog_name="convscope")
def convscope() -> None:
    """See what a convolutional network has learned.

    convscope TECHNIQUE NETWORK [IMAGE] [UNIT | LAYER] --knob value -o out.png
    """


def command_line() -> None:
    """Run the command line; the one place where errors become exit codes."""
    warnings.showwarning = _note  # type: ignore[assignment]
    warnings.simplefilter("ignore")
    warnings.simplefilter("always", ConvscopeWarning)
    try:
        with printing():
            code = convscope.main(standalone_mode=False) or 0
    except (click.Abort, KeyboardInterrupt):
        say("Stopped. No file is half written.")
        code = 130
    except click.ClickException as error:
        say(error.show)
        code = 2
    except ConvscopeError as error:
        code = _refused(str(error))
    except click.exceptions.Exit as end:
        code = end.exit_code
    except OSError as error:
        code = _refused(f"{refusal(error)} Check the path and the disk.")
    except MemoryError:
        code = _refused("This needs more memory than there is. Use a smaller network or image.")
    finally:
        settle()
    sys.exit(code)


def _refused(sentence: str) -> int:
    say(f"Error: {sentence}")
    return 2


def _note(message: Warning | str, category: type[Warning], *_where: object) -> None:
    say(f"Note: {message}")
