"""A site file's `wholesale`: how the site's energy would be traded as one balance group, and what deviations cost.

Units stand in the names. `ct` is a hundredth of the site's currency unit. Day-ahead prices are those of the tariffs.
"""

from __future__ import annotations

from environment.sites.ratings import Count, Hour, NotNegative, Part, Percent


class Wholesale(Part):
    """The gates of the markets, and prices beside the day-ahead price.

    Imbalance has two prices (each deviation loses, none gains): who takes more than it bought pays the day-ahead price and
    the larger of `imbalance_pct` of its amount and `imbalance_least_ct_per_kwh`; who takes less is paid so much less.

    Attributes:
        gate_hour: local, of the day before; what is told later is not bought day-ahead.
        intraday_lead_isps: an ISP can be traded until so many ISPs before it begins.
        intraday_spread_ct_per_kwh: what buying costs more, and selling earns less, than the day-ahead price.
    """

    gate_hour: Hour
    intraday_lead_isps: Count
    intraday_spread_ct_per_kwh: NotNegative
    imbalance_pct: Percent
    imbalance_least_ct_per_kwh: NotNegative
