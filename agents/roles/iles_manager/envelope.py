"""What the ILES manager publishes of the microgrid as one unit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from agents.planning.instance.bands import BothWays
from agents.roles.effects import Publish
from cim.platform.publications.grid import EnvelopeStep, MicrogridEnvelope


def microgrid_envelope(
    period: date,
    expected_w: Sequence[int],
    gives: BothWays,
    hours: float,
    *,
    portfolios: int,
    told: int,
    delivered_pct: int | None,
    now: datetime,
) -> Publish:
    """The microgrid as one unit; `hours` is the length of an ISP."""
    low, high = list(expected_w), list(expected_w)
    for row, bands, sign in ((high, gives.up, 1), (low, gives.down, -1)):
        for band in bands:
            for isp, watts in enumerate(band.once_w(hours)):
                row[isp] += sign * watts
    steps = tuple(
        EnvelopeStep(more, band.price_e4_per_kwh, band.power_w, band.room_wh)
        for more, bands in ((True, gives.up), (False, gives.down))
        for band in bands
    )
    return Publish(
        MicrogridEnvelope(
            now, period, tuple(expected_w), tuple(low), tuple(high), steps, portfolios, told, delivered_pct
        )
    )
