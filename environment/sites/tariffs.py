"""A site file's `tariffs`: what its customers pay and earn per kilowatt-hour, dated, each value with its provenance.

Units stand in the names. `ct` is a hundredth of the site's currency unit.
"""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from cim.model.errors import BadInput
from environment.prices import load_prices
from environment.sites.ratings import NotNegative, Part

CustomerKind = Literal[
    "household",
    "farm",
    "estate",
    "care_centre",
    "industry",
    "charging_park",
    "chp_plant",
    "pv_plant",
    "business",
    "public_building",
    "cooperative",
]
By = Literal["fixed", "day_ahead"]


Item = TypeVar("Item")


def _some(items: tuple[Item, ...]) -> tuple[Item, ...]:
    # pydantic's own min_length counts only the items without faults, and would blame the list for theirs
    if not items:
        raise ValueError("expected at least one")
    return items


class TariffRow(Part):
    """What holds from a day on.

    Attributes:
        from_: first local day (`from` in the file).
        energy_ct_per_kwh, network_ct_per_kwh, taxes_ct_per_kwh: the parts of what a kWh from the grid costs.
        feed_in_ct_per_kwh: what a kWh fed in earns.
        energy_by, feed_in_by: `day_ahead` where the hour's day-ahead price comes on top of that part.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    from_: date = Field(alias="from")
    energy_ct_per_kwh: NotNegative
    network_ct_per_kwh: NotNegative
    taxes_ct_per_kwh: NotNegative
    feed_in_ct_per_kwh: NotNegative
    energy_by: By = "fixed"
    feed_in_by: By = "fixed"


class CustomerTariff(Part):
    """The tariff of some kinds of customer: its rows, oldest first."""

    customers: Annotated[tuple[CustomerKind, ...], AfterValidator(_some)]
    rows: Annotated[tuple[TariffRow, ...], AfterValidator(_some)]

    @model_validator(mode="after")
    def _ascending(self) -> CustomerTariff:
        for before, after in pairwise(self.rows):
            if before.from_ >= after.from_:
                raise ValueError(f"expected rows in the order of their days, not {after.from_} after {before.from_}")
        return self


def _pack(name: str) -> str:
    try:
        load_prices(name)
    except BadInput as error:
        raise ValueError(f"expected a pack of prices: {error}") from None
    return name


class Tariffs(Part):
    """All tariffs of a site.

    Attributes:
        day_ahead: the pack of hourly prices under environment/prices/data.
        customers: a tariff for each kind of customer.
    """

    day_ahead: Annotated[str, AfterValidator(_pack)]
    customers: Annotated[tuple[CustomerTariff, ...], AfterValidator(_some)]

    @model_validator(mode="after")
    def _once(self) -> Tariffs:
        kinds = [kind for tariff in self.customers for kind in tariff.customers]
        for index, kind in enumerate(kinds):
            if kind in kinds[:index]:
                raise ValueError(f"expected one tariff for {kind}")
        return self

    def of(self, kind: str) -> CustomerTariff | None:
        """The tariff of a kind of customer; None if there is none."""
        return next((tariff for tariff in self.customers if kind in tariff.customers), None)
