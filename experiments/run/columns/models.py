"""The shapes of what columns come down to, as summaries and studies hold them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from market.billing.bill import BillKind


class Figures(BaseModel):
    """Base of everything in a summary: frozen, and no key it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class ColumnFigures(Figures):
    """One way to run the same days, measured on what really happened; money in ten-thousandths of the currency unit."""

    violations: int = Field(description="(bus or branch, ISP) outside the site's limits")
    over_limit_wh: int = Field(
        description="apparent energy that has to be moved for no congestion point to be beyond its loading limit: sum over "
        "ISPs of the excess (max(0, loading - limit) x rating of its branch) x hours, counted once: what relieves a point "
        "relieves those above it that carry power the same way, so of nested points the larger counts, the upper one's own "
        "excess or the sum of those below"
    )
    over_limit_at_points_wh: int | None = Field(
        default=None,
        description="the excess of every congestion point added up, so that nested ones count twice: what `over_limit_wh` "
        "meant before it counted once",
    )
    max_loading_pct: float = Field(
        description="highest mean of an ISP by the power flow, on which limits are checked; of all branches"
    )
    peak_loading_pct: float | None = Field(
        default=None,
        description="highest mean of a control interval at a congestion point's meter, by its counters: without the losses "
        "behind it, and of these branches alone, so it is another measure than `max_loading_pct` and may be below it; "
        "null where no readings were kept",
    )
    dso_cost: int = Field(
        description="what the DSO pays less what it is paid; in `foresight` the least that leaves no bill above `local`"
    )
    bills_sum: int = Field(description="all prosumers' bills, energy by tariff and payments; positive = pays")
    welfare: int = Field(
        description="minus what energy costs all members by their tariffs, minus wear of batteries (of half of what goes in and "
        "out), plus what they hold more at the end at their owners' mean feed-in and the efficiency of taking it out, plus "
        "`warmth_saves_wh` at its owners' mean retail price; payments among parties cancel out"
    )
    stored_change_wh: int = Field(description="how much more batteries hold at the end than at the beginning")
    warmth_saves_wh: int = Field(
        default=0,
        description="what thermostats draw less on the day after, because of the warmth that rooms hold at the end; negative "
        "where rooms end cold",
    )
    curtailed_wh: int = Field(
        description="what the DSO's own right took as it accounted and paid it (`FeedInAccounted`): available less given "
        "in the ISPs in which it limited a connection, what orders held back there left out"
    )
    generation_lost_wh: int = Field(description="sun and wind that were there and not used, whoever asked for it")
    held_back_wh: int = Field(
        description="of `generation_lost_wh`, what neither the DSO's right took (`curtailed_wh`) nor aggregators settled as "
        "delivered by the plant: for the most part plants that hold a promised level while the sun is stronger"
    )
    held_back_worth: int = Field(description="what `held_back_wh` would have earned if fed in, by the dated tariffs")
    chp_not_made_wh: int = Field(
        description="what CHP plants generated less than in `local`; not part of `generation_lost_wh`; negative: more"
    )
    unserved_ev_wh: int = Field(description="what vehicles wanted and left without")
    comfort_kh: float = Field(description="kelvin-hours that rooms were away from their set temperature, either side")
    import_wh: int = Field(description="what connections took from the grid, each ISP's net; sum over connections")
    export_wh: int = Field(description="what connections fed into the grid, each ISP's net; sum over connections")
    self_consumed_pct: float = Field(description="share of the generation behind connections that did not leave them")
    co2_kg: float | None = Field(
        description="`import_wh` times the site's dated factor `grid_g_per_kwh`; null where the site has none"
    )


class BillFigures(Figures):
    """What a prosumer pays over all days: energy by its tariff, and payments of the market, in two columns."""

    market: int
    local: int
    lines: dict[BillKind, int] = Field(
        description="the market's bill line by line; what amounts to nothing is left out"
    )


class MadeWhole(Figures):
    """What members were paid so that orders leave none worse off, beside what was paid in all; ten-thousandths."""

    paid: int = Field(description="make-whole payments of all members")
    payments: int = Field(
        description="all payments of the parties to each other, these included; amounts, whoever pays"
    )
    energy: int = Field(description="the energy, network, taxes and feed-in lines of all bills; amounts, whoever pays")
    share_of_payments: float
    share_of_all: float = Field(description="of payments and energy together; at most 0.02 by the aggregators' rule")


class SettledAndTrue(Figures):
    """Of one kind of element: absolute, per ISP, up and down added. What it goes by stands in `columns.parquet`."""

    ordered_wh: int = Field(description="what aggregators ordered of it, each order for itself")
    settled_wh: int = Field(description="delivered as aggregators settled it with their members, each order for itself")
    true_wh: int = Field(
        description="how far each element's power was from the column `local`, by the physics; "
        "of plants, less what the DSO's own right took (`curtailed_wh`)"
    )
    more_wh: int = Field(
        default=0,
        description="of `true_wh`, more consumption or less generation; the rest is what was moved away from. Where "
        "energy is moved both ways count in `true_wh` and one is paid, so `settled_wh` is at most half of that: where "
        "orders ask for more consumption, compare it with this",
    )


class Undelivered(Figures):
    """What the DSO ordered and did not get delivered, by cause; they add up to `ordered_wh` less
    `delivered_wh`, but for rounding."""

    not_metered_wh: int = Field(description="a meter at the point was lost there: neither paid nor fined")
    own_limit_wh: int = Field(description="orders to feed in more that the DSO's own limit made impossible: not fined")
    level_held_wh: int = Field(
        description="the meters held what was promised although the elements under order changed less than that: less sun or "
        "wind than foretold, or what they would have done by their own rules anyway; not paid, and not fined"
    )
    missing_wh: int = Field(description="really missing at the meters, and fined")
    fined_beside_wh: int = Field(
        description="not part of the sum: fined (`deficiency_wh`) although the elements delivered, because others of the "
        "portfolio spoilt the promised level"
    )


class Cause(Figures):
    """A part of what the market cost above the same relief by curtailment, ten-thousandths of the currency unit."""

    words: str
    amount: int


class Relief(Figures):
    """What the DSO pays for each kWh (of apparent energy) by which the grid is less above its limits than in `local`."""

    relieved_wh: int = Field(description="by the market")
    market_ct_per_kwh: float | None = Field(description="null where nothing was relieved")
    curtailment_ct_per_kwh: float | None = Field(
        description="feed-in and own use lost in the column `curtailment`, by the dated tariffs on its truth"
    )
    times_curtailment: float | None = Field(description="the one over the other")
    sellers: dict[str, int] = Field(
        description="aggregator's domain -> what it was paid less what it paid, ten-thousandths; negative: it lost"
    )
    with_losses_ct_per_kwh: float | None = Field(
        description="`market_ct_per_kwh` with what aggregators lost added to the DSO's cost; no gain is taken off"
    )
    order_ct_per_kwh: float | None = Field(
        description="what the DSO paid for energy of orders, each kWh that was delivered"
    )
    own_right_ct_per_kwh: float | None = Field(
        description="what the DSO paid for each kWh that it took by its own right in `market`, else in `curtailment`"
    )
    causes: list[Cause] = Field(
        description="the three largest, where the market costs more than three times curtailment"
    )
