"""What the grid is expected to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cim.codec.codec import wire
from cim.platform.publications.base import Publication


@wire("published.SafetyAnalysed")
@dataclass(frozen=True, slots=True)
class SafetyAnalysed(Publication):
    """The DSO's grid safety analysis of one congestion point on one local day.

    Attributes:
        congestion_point: its entity address (USEF).
        period: the local day.
        need_w: change of the point's net power that mends it, for each ISP of the day; 0 where nothing is needed.
        loading_pct: expected loading of the branch that limits the point, percent of its rating, for each ISP.
    """

    congestion_point: str
    period: date
    need_w: tuple[int, ...]
    loading_pct: tuple[float, ...]


@wire("published.ExchangeForecast")
@dataclass(frozen=True, slots=True)
class ExchangeForecast(Publication):
    """Expected net power at the site's point of common coupling in each ISP of a local day, watts, + = import."""

    period: date
    power_w: tuple[int, ...]
