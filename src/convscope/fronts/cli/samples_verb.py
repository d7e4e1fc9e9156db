"""The verb that lists the bundled photos: it needs no network, so it does not import torch."""

from __future__ import annotations

import click

from ...base.plain import to_json
from ...base.samples import samples as all_samples
from .options import JSON


@click.command("samples")
@JSON
def samples_command(as_json: bool) -> None:
    """List the bundled photos."""
    rows = [
        {"name": f"sample:{s.name}", "shows": s.shows, "by": s.author, "licence": s.licence}
        for s in all_samples().values()
    ]
    text = "\n".join(f"{row['name']:<20} {row['shows']} ({row['by']}, {row['licence']})" for row in rows)
    click.echo(to_json(rows, indent=1) if as_json else text)
