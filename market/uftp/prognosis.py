"""D-Prognosis: what an aggregator expects at a congestion point (Shapeshifter 3.1.0, "D-Prognosis")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cim.codec.codec import wire
from market.uftp.header import Header, IspPower, Result


@wire("uftp.D-Prognosis")
@dataclass(frozen=True, slots=True)
class DPrognosis:
    """The expected net power of a portfolio at a congestion point, ISP by ISP of one day.

    Attributes:
        power_w: one value for each ISP of the day, watts; the standard's ISP elements, unrolled (see `isps`).
        revision: grows with each new prognosis for the same period.
    """

    header: Header
    period: date
    congestion_point: str
    revision: int
    power_w: tuple[int, ...]
    timezone: str
    isp_minutes: int = 15

    @property
    def isps(self) -> tuple[IspPower, ...]:
        """The standard's ISP elements: equal neighbours joined by their duration."""
        rows: list[IspPower] = []
        for number, power in enumerate(self.power_w, start=1):
            if rows and rows[-1].power_w == power:
                rows[-1] = IspPower(rows[-1].start, power, rows[-1].duration + 1)
            else:
                rows.append(IspPower(number, power))
        return tuple(rows)


@wire("uftp.FlexOrderStatus")
@dataclass(frozen=True, slots=True)
class FlexOrderStatus:
    """In a D-PrognosisResponse: whether an order stays valid under the new prognosis."""

    flex_order_message_id: str
    is_validated: bool


@wire("uftp.D-PrognosisResponse")
@dataclass(frozen=True, slots=True)
class DPrognosisResponse:
    """Whether the DSO took the prognosis."""

    header: Header
    d_prognosis_message_id: str
    result: Result
    rejection_reason: str | None = None
    flex_order_statuses: tuple[FlexOrderStatus, ...] = ()
