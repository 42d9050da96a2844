"""Whether a seller's prognoses overstate feed-in, by what its meters then show and by how far others erred on the same days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cim.codec.codec import wire

JUDGED_DAYS = 3  # by so many a seller is judged
_FEWEST = 2  # days of which something must be known
_OTHERS_AT_MOST = 0.10  # how far the others' own error may excuse one: a weather service errs for all
_RATIO, _SHARE = 1.15, 0.04  # foretold over metered; and the difference, of the most that the meters usually show


@wire("plan.JudgedDay")
@dataclass(frozen=True, slots=True)
class JudgedDay:
    """Feed-in of a seller's portfolios on a day, in the ISPs in which nothing was ordered or limited, Wh >= 0.

    Attributes:
        foretold_wh: as told shortly before.
        metered_wh: as it came.
        usual_wh: the most that these meters showed at those times of day on the days before.
    """

    foretold_wh: float
    metered_wh: float
    usual_wh: float


def overstates(own: Sequence[JudgedDay], others: Sequence[JudgedDay]) -> bool:
    """Whether the last days' prognoses told clearly more feed-in than there was.

    Clearly is both: by a share of what was metered, less what others erred on the same days, and by a share of what the
    meters usually show. So neither a dull day, of which a small error is a large share, nor a bad forecast of the
    weather makes an honest seller suspect.

    Args:
        own: days of one seller, oldest first.
        others: the same days of the other sellers, together.
    """
    known = [day for day in own[-JUDGED_DAYS:] if day.usual_wh > 0]
    if len(known) < _FEWEST:
        return False
    foretold, metered = sum(day.foretold_wh for day in known), sum(day.metered_wh for day in known)
    told, came = sum(day.foretold_wh for day in others), sum(day.metered_wh for day in others)
    excuse = min(max(told / came, 1.0), 1 + _OTHERS_AT_MOST) if came > 0 else 1.0  # their luck accuses nobody
    more_wh = foretold - metered * excuse
    return foretold > metered * excuse * _RATIO and more_wh > _SHARE * sum(day.usual_wh for day in known)
