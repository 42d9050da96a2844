"""Contract templates (S01): named defaults from which a negotiation starts.

All numbers are assumed; nothing in USEF or S01 gives any. The parties' own prices and limits (`market` in the site file)
replace them before a contract is proposed, but for the penalty, which no party negotiates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import TypedDict, Unpack

from cim.codec.codec import wire
from cim.model.errors import BadInput
from market.contracts.contract import ActivationPriceKind, CountedPer, FlexContract, FlexElement, checked

_EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)


PUBLISHED_TEMPLATE = "contract-template"  # the kind of the record of a published one


@wire("market.Template")
@dataclass(frozen=True, slots=True)
class Template:
    """The parameters a contract of this kind starts from; `FlexContract` says their units."""

    name: str
    days_of_week: tuple[int, ...]
    start_minute: int
    end_minute: int
    max_activations: int
    counted_per: CountedPer
    max_runtime_isps: int
    recovery_isps: int
    penalty_e4_per_kwh: int
    capacity_price_e4_per_kw_day: int
    volume_price_e4_per_kwh: int
    activation_price: ActivationPriceKind
    reserved: bool = True


@wire("market.PublishedTemplate")
@dataclass(frozen=True, slots=True)
class PublishedTemplate:
    """A template as a party (`publisher`, a domain) has published it; other terms have another version.

    Superseded versions stay in the ledger, each under its own key.
    """

    publisher: str
    version: int
    template: Template

    @property
    def key(self) -> str:
        """Under which it is recorded."""
        return f"{self.publisher}/{self.template.name}#{self.version}"


TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {
        template.name: template
        for template in (
            Template(  # a household's devices, usable every day within its comfort
                name="household-daily",
                days_of_week=_EVERY_DAY,
                start_minute=0,
                end_minute=1440,
                max_activations=4,
                counted_per=CountedPer.DAY,
                max_runtime_isps=16,
                recovery_isps=2,
                penalty_e4_per_kwh=1000,
                capacity_price_e4_per_kw_day=200,
                volume_price_e4_per_kwh=1200,
                activation_price=ActivationPriceKind.FIXED,
            ),
            Template(  # a battery, PV field or CHP in the community's portfolio
                name="plant-daily",
                days_of_week=_EVERY_DAY,
                start_minute=0,
                end_minute=1440,
                max_activations=8,
                counted_per=CountedPer.DAY,
                max_runtime_isps=32,
                recovery_isps=0,
                penalty_e4_per_kwh=2000,
                capacity_price_e4_per_kw_day=500,
                volume_price_e4_per_kwh=800,
                activation_price=ActivationPriceKind.MAXIMUM,
            ),
            Template(  # the DSO's option on the portfolio at a congestion point
                name="dso-flexoption",
                days_of_week=_EVERY_DAY,
                start_minute=0,
                end_minute=1440,
                max_activations=6,
                counted_per=CountedPer.DAY,
                max_runtime_isps=32,
                recovery_isps=0,
                penalty_e4_per_kwh=3000,
                capacity_price_e4_per_kw_day=600,
                volume_price_e4_per_kwh=1500,
                activation_price=ActivationPriceKind.MAXIMUM,
            ),
            Template(  # beside that option: what is offered and taken freely, at any hour and up to the whole portfolio
                name="dso-framework",
                days_of_week=_EVERY_DAY,
                start_minute=0,
                end_minute=1440,
                max_activations=24,
                counted_per=CountedPer.DAY,
                max_runtime_isps=96,
                recovery_isps=0,
                penalty_e4_per_kwh=3000,
                capacity_price_e4_per_kw_day=0,
                volume_price_e4_per_kwh=1500,
                activation_price=ActivationPriceKind.MAXIMUM,
                reserved=False,
            ),
            Template(  # under which balancing energy is bid: its volume price is the highest premium that may be asked for
                name="balancing-framework",
                days_of_week=_EVERY_DAY,
                start_minute=0,
                end_minute=1440,
                max_activations=100,  # more than a day has quarter-hours, also the longest
                counted_per=CountedPer.DAY,
                max_runtime_isps=100,
                recovery_isps=0,
                penalty_e4_per_kwh=2000,
                capacity_price_e4_per_kw_day=0,
                volume_price_e4_per_kwh=10_000,
                activation_price=ActivationPriceKind.MAXIMUM,
                reserved=False,
            ),
            Template(  # the microgrid as a service to a DSO: it stands by; what is called is ordered of its sellers
                name="microgrid-service",
                days_of_week=_EVERY_DAY,
                start_minute=0,
                end_minute=1440,
                max_activations=100,
                counted_per=CountedPer.DAY,
                max_runtime_isps=100,
                recovery_isps=0,
                penalty_e4_per_kwh=0,
                capacity_price_e4_per_kw_day=600,
                volume_price_e4_per_kwh=0,
                activation_price=ActivationPriceKind.MAXIMUM,
            ),
        )
    }
)


class ContractChanges(TypedDict, total=False):
    """Fields of `FlexContract` that may differ from the template's, with that class's units."""

    days_of_week: tuple[int, ...]
    start_minute: int
    end_minute: int
    amount_up_w: int
    amount_down_w: int
    max_activations: int
    counted_per: CountedPer
    max_runtime_isps: int
    recovery_isps: int
    penalty_e4_per_kwh: int
    capacity_price_e4_per_kw_day: int
    volume_price_e4_per_kwh: int
    activation_price: ActivationPriceKind
    currency: str
    deficiency_cap: bool
    notice_days: int
    template_version: int


def from_template(
    name: str,
    *,
    contract_id: str,
    buyer: str,
    seller: str,
    start_date: date,
    end_date: date,
    timezone: str,
    flex_elements: tuple[FlexElement, ...],
    isp_minutes: int = 15,
    **changes: Unpack[ContractChanges],
) -> FlexContract:
    """A sound contract from the template `name`, covering all its elements can give unless `changes` say otherwise.

    Args:
        name: one of `TEMPLATES`.
        contract_id, buyer, seller, start_date, end_date, timezone, flex_elements, isp_minutes: see `FlexContract`.
        changes: other fields, where the template's value does not fit.

    Raises:
        BadInput: unknown template, or the contract has faults (all are named).
    """
    template = TEMPLATES.get(name)
    if template is None:
        raise BadInput(f"template: {name!r} is unknown; expected one of {', '.join(TEMPLATES)}")
    contract = FlexContract(
        contract_id=contract_id,
        buyer=buyer,
        seller=seller,
        start_date=start_date,
        end_date=end_date,
        timezone=timezone,
        isp_minutes=isp_minutes,
        flex_elements=flex_elements,
        amount_up_w=sum(element.max_increase_w for element in flex_elements),
        amount_down_w=sum(element.max_decrease_w for element in flex_elements),
        days_of_week=template.days_of_week,
        start_minute=template.start_minute,
        end_minute=template.end_minute,
        max_activations=template.max_activations,
        counted_per=template.counted_per,
        max_runtime_isps=template.max_runtime_isps,
        recovery_isps=template.recovery_isps,
        penalty_e4_per_kwh=template.penalty_e4_per_kwh,
        capacity_price_e4_per_kw_day=template.capacity_price_e4_per_kw_day,
        volume_price_e4_per_kwh=template.volume_price_e4_per_kwh,
        activation_price=template.activation_price,
        deficiency_cap=True,
        reserved=template.reserved,
        template=template.name,
        template_version=1,
    )
    return checked(replace(contract, **changes))
