"""A finished run as the portal sees it: made from what its folder holds, at the instant at which it ended."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from cim.model.errors import BadInput
from cim.platform.publications.incidents import HandlingFailed
from cim.platform.publications.site import SiteDescribed
from cim.platform.published import PublishedTables
from cim.platform.store import values
from portal.dso import dso_state
from portal.market import MarketRows
from portal.models import DsoState, FailedEvent, Health, JournalHealth, Mode, Status


class FinishedRun:
    """A `portal.views.SiteView` of a run that is over: nothing lives in it, and what it published stays as it was.

    Args:
        folder: as `iles run --out DIR` has left it.

    Raises:
        BadInput: no run has published anything there.
    """

    def __init__(self, folder: Path) -> None:
        self._store = PublishedTables(folder)
        newest = self._store.newest()
        if newest is None:
            raise BadInput(
                f"{folder} holds no publications; expected the folder of a finished run (`iles run --out DIR`)"
            )
        self.end: datetime = newest
        described = values(self._store, SiteDescribed)
        self.name = described[-1].site if described else folder.name

    async def health(self) -> Health:
        """No agent is alive and no device is steered; what agents failed at is as it was told."""
        return Health(
            status=Status.FINISHED,
            site=self.name,
            now=self.end,
            mode=Mode.SIMULATED,
            speed=None,
            agents=(),
            journal=JournalHealth(state="closed", detail="the run is over; the ledger has what counts", lag=0),
            failed_events=tuple(
                FailedEvent(
                    agent=told.agent, at=told.publication.at, kind=told.publication.event, error=told.publication.error
                )
                for told in self._store.told(HandlingFailed)
            ),
        )

    async def dso_state(self) -> DsoState:
        """The grid and the market as the DSO saw them in the end."""
        return await asyncio.to_thread(dso_state, self._store, self.end)

    async def market_rows(self) -> MarketRows:
        """All that was published of the market."""
        return MarketRows(self._store)
