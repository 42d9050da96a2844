"""A site file's `microgrid_service`: the microgrid as a service that its DSO buys, and what both sides want for it.

Units stand in the names. `ct` is a hundredth of the site's currency unit.
"""

from __future__ import annotations

from pydantic import model_validator

from environment.sites.market import PriceRange
from environment.sites.ratings import Hour, Part, Percent, Rating, WholeNotNegative


class MicrogridService(Part):
    """Kilowatts that stand by in certain hours of every day.

    Attributes:
        power_w: off what is expected, + = more consumption, - = less.
        from_hour, to_hour: local, the hours in between.
        response_minutes: what is told later than that before an ISP does not count in it.
        availability_pct: of a day's service that is to be ready.
        deduction_pct: of a day's full payment, for each percentage point below that.
        dso_buys, community_sells: prices for standing by, and their volume price, which is 0: what is called is ordered of sellers.
    """

    power_w: Rating
    from_hour: Hour
    to_hour: Hour
    response_minutes: WholeNotNegative
    availability_pct: Percent
    deduction_pct: WholeNotNegative
    dso_buys: PriceRange
    community_sells: PriceRange

    @model_validator(mode="after")
    def _something(self) -> MicrogridService:
        if not self.power_w.value or not self.power_w.value.is_integer():
            raise ValueError("expected power_w in whole watts, not 0")
        if self.from_hour.value >= self.to_hour.value:
            raise ValueError("expected from_hour < to_hour")
        return self
