"""`iles up`: a site on the clock, until it is stopped."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from pathlib import Path

from rich.live import Live
from rich.text import Text

from cim.model.errors import BadInput
from experiments.cli.unfailing import unfailing_words
from pilot.settings import UpSettings


def execute(settings: UpSettings) -> None:
    """Start or go on, and live until stopped.

    Raises:
        BadInput, DeviceError, JournalError: one sentence each; the caller prints it.
    """
    from pilot.service import Pilot

    with unfailing_words(sys.stdout, sys.stderr) as console:
        with Live(Text(""), console=console, refresh_per_second=4, transient=True) as live:

            def tick(now: datetime) -> None:
                pace = f"{settings.speed:g}x" if settings.endpoints is None else "wall clock"
                live.update(Text(f"{settings.site} · {now:%Y-%m-%d %H:%M} UTC · {pace} · Ctrl-C stops"))

            pilot = Pilot(settings, console.print, tick)
            ended = asyncio.run(pilot.run())
        if ended:
            console.print(f"{settings.site}: the end of its days; the ledger is in {settings.folder}")
        else:
            console.print(f"{settings.site}: stopped; `iles up {settings.site}` with the same folder goes on from here")


def only_simulated(endpoints: Path | None, asked: dict[str, object]) -> None:
    """With real devices nobody chooses the time or the chances.

    Args:
        endpoints: where the real devices are, if there are any.
        asked: option to what was given for it, None for nothing.

    Raises:
        BadInput: an option does not go with `--endpoints`.
    """
    for option, value in asked.items():
        if endpoints is not None and value is not None:
            raise BadInput(
                f"{option}: {value} does not go with --endpoints; expected it left out, real devices have their own time"
            )


def default_folder(site: str) -> Path:
    """Where a site lives when nobody says."""
    return Path("sites") / Path(site).stem
