"""`iles up`: a site on the clock, until it is stopped."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from experiments.living.settings import UpSettings


def execute(settings: UpSettings) -> None:
    """Start or go on, and live until stopped.

    Raises:
        BadInput, DeviceError, JournalError: one sentence each; the caller prints it.
    """
    from experiments.living.pilot import Pilot

    console = Console(stderr=True)
    with Live(Text(""), console=console, refresh_per_second=4, transient=True) as live:

        def tick(now: datetime) -> None:
            live.update(Text(f"{settings.site} · {now:%Y-%m-%d %H:%M} UTC · {settings.speed:g}x · Ctrl-C stops"))

        pilot = Pilot(settings, console.print, tick)
        ended = asyncio.run(pilot.run())
    if ended:
        console.print(f"{settings.site}: the end of its profiles; the ledger is in {settings.folder}")
    else:
        console.print(f"{settings.site}: stopped; `iles up {settings.site}` with the same folder goes on from here")


def default_folder(site: str) -> Path:
    """Where a site lives when nobody says."""
    return Path("sites") / Path(site).stem
