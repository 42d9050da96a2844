"""What a site file says of one connection: its EAN, what is agreed of it beside the market, what the DSO restricts there."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from cim.model.ean import ean_fault
from environment.sites.ratings import Count, Name, Part, WholeNotNegative


def _ean(value: str) -> str:
    fault = ean_fault(value)
    if fault is not None:
        raise ValueError(f"expected {fault}")
    return value


Ean18 = Annotated[str, AfterValidator(_ean)]


class MaxUsage(Part):
    """A capped connection: no mean of an ISP is beyond; what is not given is not capped."""

    import_w: WholeNotNegative | None = None
    export_w: WholeNotNegative | None = None


class FlexibleAgreement(Part):
    """A flexible connection agreement: capacity that is always there, and more that the DSO may withdraw, unpaid.

    Attributes:
        first_month, last_month, from_hour, to_hour: when it may be withdrawn, local; months included (11 to 2 is a winter).
        notice_minutes: before an ISP begins, when its withdrawal is told at the latest.
    """

    firm_import_w: WholeNotNegative
    firm_export_w: WholeNotNegative
    non_firm_import_w: WholeNotNegative
    non_firm_export_w: WholeNotNegative
    first_month: Count
    last_month: Count
    from_hour: WholeNotNegative
    to_hour: Count
    notice_minutes: WholeNotNegative

    @model_validator(mode="after")
    def _in_a_year_and_day(self) -> FlexibleAgreement:
        if max(self.first_month.value, self.last_month.value) > 12:
            raise ValueError("expected first_month and last_month within 1 to 12")
        if not self.from_hour.value < self.to_hour.value <= 24:
            raise ValueError("expected from_hour before to_hour within 0 to 24")
        return self


class LimitRight(Part):
    """How far the DSO may limit feed-in when it must: never below a minimum, and not for longer than it renews it.

    Attributes:
        fail_safe_export_w: what may be fed in until the limit is over where the DSO falls silent.
    """

    least_export_w: WholeNotNegative
    expires_minutes: Count
    fail_safe_export_w: WholeNotNegative

    @model_validator(mode="after")
    def _ordered(self) -> LimitRight:
        if self.fail_safe_export_w.value < self.least_export_w.value:
            raise ValueError("expected fail_safe_export_w to be least_export_w or more")
        return self


class UnitRestriction(Part):
    """A unit that the DSO restricts for some hours of a day, for example while a cable is mended; one a unit.

    Attributes:
        unit: a device by its whole name, for example `farm-1.battery`.
        from_hour, to_hour: local, of the day.
        up_w, down_w: how far it may raise and lower consumption then, both >= 0.
    """

    unit: str
    day: date
    from_hour: Annotated[int, Field(ge=0, le=23)]
    to_hour: Annotated[int, Field(ge=1, le=24)]
    up_w: WholeNotNegative
    down_w: WholeNotNegative
    reason: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _ordered(self) -> UnitRestriction:
        if self.from_hour >= self.to_hour:
            raise ValueError("expected from_hour before to_hour")
        return self


class ProviderChange(Part):
    """A prosumer changes its aggregator.

    Attributes:
        day: the first local day with the new one, from its 00:00 on; a run that begins later begins with it.
        to: the aggregator, another than it has by then.
    """

    prosumer: Name
    day: date
    to: Name


class ConnectionAgreements(Part):
    """All that is agreed of a connection; each where it is."""

    max_usage: MaxUsage = MaxUsage()
    flexible: FlexibleAgreement | None = None
    limit_on_call: LimitRight | None = None
