"""A site file's `islanding`: what separates from the grid, what carries it then, what is shed first, how often mains fail.

Frequencies are Hz at a nominal 50 Hz, droops percent of it for the rating, inertia constants seconds on the rating.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, model_validator

from environment.sites.ratings import Count, NotNegative, Part, Percent, Positive, Share, ShareOrNone
from environment.sites.tariffs import CustomerKind


class FormingBattery(Part):
    """The battery whose converter forms the island's voltage and frequency.

    Attributes:
        unit: its name in the site, for example `care-centre.bess`.
        inertia_s: virtual; with `droop_pct` it is what the converter's control makes of it.
        response_s: time constant of its power.
        restore_s: time constant with which it brings the frequency back to nominal.
        empty_soc: below it gives nothing, so that it can still start the island.
    """

    unit: str
    inertia_s: Positive
    droop_pct: Positive
    response_s: Positive
    restore_s: Positive
    empty_soc: ShareOrNone


class IslandedChp(Part):
    """How a CHP plant runs in the island.

    Attributes:
        available: the chance that it runs when mains fail; out of order it stays off for the whole outage.
        start_s: from the order to its least power.
        governor_pct_per_s: how fast its governor moves its power.
    """

    unit: str
    inertia_s: Positive
    droop_pct: Positive
    governor_pct_per_s: Positive
    start_s: NotNegative
    available: Share


class ShedStage(Part):
    """Loads that are shed together.

    Attributes:
        priority: 1 is kept longest; every number from 1 on once.
        units: patterns of `<prosumer>.<device>` and `<prosumer>.load`; the first stage in the file that fits has the unit.
        below_hz: its under-frequency relay; None: no relay opens it.
    """

    priority: Annotated[int, Field(ge=1)]
    title: str
    units: Annotated[tuple[str, ...], Field(min_length=1)]
    below_hz: Positive | None = None


class InverterRules(Part):
    """What PV and wind inverters do by themselves (EN 50549-1): less power above `over_hz`, off above `trip_hz`."""

    over_hz: Positive
    droop_pct: Positive
    trip_hz: Positive
    reconnect_s: NotNegative
    ramp_s: Positive


class Interruptions(Part):
    """How often supply fails for one reason, and for how long.

    Attributes:
        minutes_per_year: SAIDI, or TIEPI, of a customer.
        events_per_year: SAIFI, or NIEPI.
        spread: standard deviation of the logarithm of the duration.
    """

    minutes_per_year: Positive
    events_per_year: Positive
    spread: Positive

    @property
    def mean_s(self) -> float:
        """Mean duration, seconds (CAIDI)."""
        return 60.0 * self.minutes_per_year.value / self.events_per_year.value


class PlannedWorks(Part):
    """Works that the DSO has announced: in this time supply is surely interrupted. Local times `YYYY-MM-DDTHH:MM`."""

    begins: str
    ends: str


class OutageStatistics(Part):
    """Outages of mains at the site.

    Attributes:
        weather_share: of the unplanned ones, those that come with thunderstorms or winter storms.
        storm_months, storm_from_hour, storm_to_hour: when thunderstorms are likely, local.
        storm_times: how much likelier an outage by weather is then.
        longest_h: none lasts longer.
        works: announced ones, beside those that are drawn.
    """

    unplanned: Interruptions
    planned: Interruptions
    weather_share: ShareOrNone
    storm_first_month: Count
    storm_last_month: Count
    storm_from_hour: NotNegative
    storm_to_hour: Positive
    storm_times: Positive
    works_from_hour: NotNegative
    works_to_hour: Positive
    longest_h: Positive
    works: tuple[PlannedWorks, ...] = ()


class BatteryPrices(Part):
    """What another battery would cost, for `iles size`; in the site's currency.

    Attributes:
        cells_per_kwh, converter_per_kw: installed.
        life_years: of the converter, and of cells that are hardly cycled.
        full_cycles: how many cycles over the whole range cells live.
        depth_exponent: a cycle over a share d of the range counts d to this power of a full one.
    """

    cells_per_kwh: Positive
    converter_per_kw: Positive
    life_years: Positive
    interest_pct: Percent
    full_cycles: Positive
    depth_exponent: Positive


class Islanding(Part):
    """How a site lives through an outage.

    Attributes:
        point: id of the congestion point below which all is islanded.
        engine: the CHP plant, where there is one.
        promised: stages up to this priority are what the reserve is held for.
        damping_pct: how much load falls, percent, when the frequency falls by one percent.
        separation_s: from the loss of mains until what was armed beforehand is carried out.
        control_s: how often the ILES manager decides in the island.
        mains_stable_s: how long mains must be back before the island synchronises.
        confidence_pct: chance with which the promised loads are to be served.
        priced_as: the kind of customer whose tariff prices the exchange of the whole site with the grid.
    """

    point: str
    forming: FormingBattery
    engine: IslandedChp | None = None
    stages: Annotated[tuple[ShedStage, ...], Field(min_length=1)]
    promised: Annotated[int, Field(ge=1)]
    inverters: InverterRules
    damping_pct: NotNegative
    separation_s: NotNegative
    shed_delay_s: NotNegative
    control_s: Annotated[int, Field(ge=1, le=900)]
    mains_stable_s: NotNegative
    confidence_pct: Percent
    unserved_ct_per_kwh: Positive
    priced_as: CustomerKind
    outages: OutageStatistics
    sizing: BatteryPrices | None = None
    nominal_hz: Literal[50] = 50

    @model_validator(mode="after")
    def _whole(self) -> Islanding:
        if sorted(stage.priority for stage in self.stages) != list(range(1, len(self.stages) + 1)):
            raise ValueError("expected stages with priorities 1, 2, 3, ... each once")
        if self.promised > len(self.stages):
            raise ValueError("expected promised to be the priority of a stage")
        return self

    def stage_of(self, unit: str) -> int | None:
        """The priority of a load; None if no stage has it."""
        for stage in self.stages:
            if any(fnmatchcase(unit, pattern) for pattern in stage.units):
                return stage.priority
        return None
