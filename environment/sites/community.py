"""A site file's `community`: who shares energy under which country's law, by which key, at which prices.

What the law allows on a day is not checked here but where bills are made (`market.community`).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from environment.sites.ratings import Count, Name, NotNegative, Part, Percent, Rating, ShareOrNone
from environment.sites.tariffs import CustomerKind


def _factor(rating: Rating) -> Rating:
    if not (rating.value.is_integer() and 1 <= rating.value <= 100):
        raise ValueError("expected a whole percentage from 1 to 100")
    return rating


def _year(rating: Rating) -> Rating:
    if not (rating.value.is_integer() and 2000 <= rating.value <= 2100):
        raise ValueError("expected a year")
    return rating


def _millionths(rating: Rating) -> Rating:
    if round(rating.value * 1_000_000) / 1_000_000 != rating.value:
        raise ValueError("expected at most six decimals")
    return rating


Factor = Annotated[Rating, AfterValidator(_factor)]
Year = Annotated[Rating, AfterValidator(_year)]
Millionths = Annotated[ShareOrNone, AfterValidator(_millionths)]


class Belonging(Part):
    """A prosumer's membership.

    Attributes:
        prosumer: its name at the site.
        from_, until: first and last local day (`from` in the file), in the year of the profiles; always where not given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    prosumer: Name
    from_: date | None = Field(default=None, alias="from")
    until: date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Belonging:
        if self.from_ is not None and self.until is not None and self.until < self.from_:
            raise ValueError(f"expected until on or after from, not {self.until} before {self.from_}")
        return self

    def on(self, day: date) -> bool:
        """Whether it is a member on a local day."""
        return (self.from_ is None or self.from_ <= day) and (self.until is None or day <= self.until)


class AustrianMember(Belonging):
    """A member with its consumption and feed-in points, both by the same factor.

    Attributes:
        factor_pct: participation factor.
        share: static key: its share in the generation.
        levels: grid levels of its connection.
    """

    factor_pct: Factor
    share: Millionths | None = None
    levels: Literal["6-7", "4-5"] = "6-7"


class Vat(Part):
    """Value-added tax of some kinds of customer, percent, contained in their `taxes_ct_per_kwh`; others pay none."""

    customers: tuple[CustomerKind, ...]
    pct: Percent


class AustrianCommunity(Part):
    """An energy community by Austria's law.

    Attributes:
        as_in_year: the profile year's days are billed by the law's tables of this year.
        price_ct_per_kwh: what a member pays the community; `paid_ct_per_kwh`: what it pays for members' feed-in.
    """

    law: Literal["AT"]
    name: Name
    title: str
    kind: Literal["eeg-local", "eeg-regional", "citizens", "peer-to-peer"]
    key: Literal["static", "dynamic"]
    as_in_year: Year
    price_ct_per_kwh: NotNegative
    paid_ct_per_kwh: NotNegative
    vat: tuple[Vat, ...] = ()
    members: Annotated[tuple[AustrianMember, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _shares(self) -> AustrianCommunity:
        given = [member.share for member in self.members if member.share is not None]
        if self.key == "dynamic" and given:
            raise ValueError("expected no share of a member: a dynamic key goes by consumption")
        total = sum(round(share.value * 1_000_000) for share in given)
        if self.key == "static" and (len(given) < len(self.members) or total != 1_000_000):
            raise ValueError(f"expected a share of each member, 1 together, not {total / 1_000_000:g} of {len(given)}")
        return self


class SpanishMember(Belonging):
    """A member.

    Attributes:
        contracted_w: contracted power; its coefficient where none is agreed goes by it.
        coefficient: agreed, the same in all hours.
        cups: supply point's code, for the distributor's file.
    """

    contracted_w: Count
    coefficient: Millionths | None = None
    cups: str | None = None


class SpanishAgreement(Part):
    """Coefficients that hold from a day on, signed by all who are members then; who is not named has none.

    Attributes:
        from_: first local day (`from` in the file), in the year of the profiles.
        coefficients: member -> its coefficient.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    from_: date = Field(alias="from")
    coefficients: dict[Name, Millionths]

    @model_validator(mode="after")
    def _whole(self) -> SpanishAgreement:
        total = sum(round(share.value * 1_000_000) for share in self.coefficients.values())
        if total != 1_000_000:
            raise ValueError(f"expected coefficients that are 1 together, not {total / 1_000_000:g}")
        return self


class SpanishCommunity(Part):
    """Collective self-consumption by Spain's law.

    Attributes:
        as_in_year: as in `AustrianCommunity`.
        modality: `compensation` (simplified, with surplus) or `sale` (with surplus, without compensation).
        plants: prosumers whose net hourly feed-in is shared.
        cau: code of self-consumption, for the distributor's file.
        price_ct_per_kwh: what a member pays for its own use of the plant.
        surplus_ct_per_kwh: what surplus is worth: the agreed price of compensation, or the market's.
        surplus_by: `day_ahead` where the hour's price comes on top of that.
        agreements: later ones, oldest first; members' own `coefficient` (or contracted power) holds from the year's begin.
    """

    law: Literal["ES"]
    name: Name
    title: str
    as_in_year: Year
    modality: Literal["compensation", "sale"]
    coefficient_mode: Literal["fixed", "hourly_ex_ante", "ex_post"]
    plants: Annotated[tuple[Name, ...], Field(min_length=1)]
    cau: str | None = None
    price_ct_per_kwh: NotNegative
    surplus_ct_per_kwh: NotNegative
    surplus_by: Literal["fixed", "day_ahead"] = "fixed"
    members: Annotated[tuple[SpanishMember, ...], Field(min_length=1)]
    agreements: tuple[SpanishAgreement, ...] = ()

    @model_validator(mode="after")
    def _agreed(self) -> SpanishCommunity:
        if self.agreements and self.coefficient_mode != "fixed":
            raise ValueError(
                "expected agreements of fixed coefficients only: hourly ones are in the distributor's file"
            )
        known = {member.prosumer for member in self.members}
        strangers = [name for agreement in self.agreements for name in agreement.coefficients if name not in known]
        if strangers:
            raise ValueError(f"expected agreements between members, not with {', '.join(strangers)}")
        return self

    @model_validator(mode="after")
    def _coefficients(self) -> SpanishCommunity:
        given = [member.coefficient for member in self.members if member.coefficient is not None]
        total = sum(round(share.value * 1_000_000) for share in given)
        if given and (len(given) < len(self.members) or total != 1_000_000):
            raise ValueError(
                f"expected a coefficient of each member, 1 together, or of none; not {total / 1_000_000:g} of {len(given)}"
            )
        return self


AnyCommunity = AustrianCommunity | SpanishCommunity
Community = Annotated[AnyCommunity, Field(discriminator="law")]
COMMUNITY_WORDS = frozenset(get_args(part.model_fields["law"].annotation)[0] for part in get_args(AnyCommunity))
