"""Flexibility contracts (FlexOptions): all parameters of USEF's flexibility contract, and what they allow.

UFTP has no message for negotiating them; these are ours. Source: USEF Framework, "Flexibility contract parameters".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property

from cim.codec.codec import encode, wire
from cim.model.errors import BadInput

PORTFOLIO = "portfolio"  # the kind of an element that is all that a seller has at a congestion point


@wire("market.ActivationPriceKind")
class ActivationPriceKind(StrEnum):
    """Whether an activation costs the volume price, or at most that (the offer may ask for less)."""

    MAXIMUM = "maximum"
    FIXED = "fixed"


@wire("market.CountedPer")
class CountedPer(StrEnum):
    """Over what the maximum number of activations is counted."""

    DAY = "day"
    TERM = "term"


@wire("market.BaselineKind")
class BaselineKind(StrEnum):
    """Against what an element's delivery is measured: what it would have done without the order."""

    PROGNOSIS = "prognosis"  # what was told before the order, as in UFTP
    AVAILABLE_POWER = (
        "available_power"  # what the inverter says it could have given, else the day's weather, else as told
    )
    # What its own rule would have done on that day, by the registers of its home and what it held when the day began; where
    # that is not known, or it has no rule of its own, its plan, frozen when the session opened and told before any price.
    RUNNING_PLAN = "running_plan"
    LIKE_DAYS = "like_days"  # its last days of the kind, adjusted to the same day; without history, as told
    SESSION = "session"  # the charging that the plugged vehicle's session gives, told before any price
    ELEMENTS = "elements"  # of a portfolio: the sum of what its elements changed, each by its own contract


@wire("market.FlexElement")
@dataclass(frozen=True, slots=True)
class FlexElement:
    """A device or portfolio part the contract covers; each is measured for itself.

    Attributes:
        name: the device's or portfolio's, unique in the contract.
        kind: what it is, for example `battery`, `heat pump`.
        max_increase_w: how far it may raise consumption above its baseline, >= 0.
        max_decrease_w: how far it may lower consumption (or raise generation), <= 0.
        baseline: against what its delivery is measured.
        volume_price_e4_per_kwh: for its utilisation: what it costs its owner, and the contract's price on top. None: it
            costs nothing of its own (a portfolio), and the contract's price holds.
    """

    name: str
    kind: str
    max_increase_w: int
    max_decrease_w: int
    baseline: BaselineKind = BaselineKind.PROGNOSIS
    volume_price_e4_per_kwh: int | None = None

    def dearer_by(self, change_e4_per_kwh: int) -> FlexElement:
        """The same at a price of its own that is so much higher; one that has none stays as it is."""
        price = self.volume_price_e4_per_kwh
        if price is None:
            return self
        up, down = self.max_increase_w, self.max_decrease_w
        return FlexElement(self.name, self.kind, up, down, self.baseline, price + change_e4_per_kwh)


_CACHED = ("encoded", "faults")  # what a contract keeps beside its fields once it was asked for


@wire("market.FlexContract")
@dataclass(frozen=True)
class FlexContract:
    """A long-term bilateral flexibility contract; validate it with `faults` or `checked` before relying on it.

    Attributes:
        contract_id: unique; UFTP messages refer to it as ContractID.
        buyer, seller: domains of who may order and who delivers.
        start_date, end_date: first and last local day.
        days_of_week: ISO numbers, 1 = Monday .. 7 = Sunday, ascending.
        start_minute, end_minute: hours of day, in minutes after local midnight, end excluded, up to 1440.
        timezone: IANA name of the local day.
        isp_minutes: length of an ISP.
        flex_elements: what is covered.
        amount_up_w: largest delta to the baseline towards consumption, watts, >= 0.
        amount_down_w: largest delta towards generation, watts, <= 0.
        max_activations: how often at most, per `counted_per`.
        max_runtime_isps: longest activation, in ISPs.
        recovery_isps: least time between two activations, in ISPs.
        penalty_e4_per_kwh: for energy ordered and not delivered, ten-thousandths of the currency unit per kWh.
        capacity_price_e4_per_kw_day: for availability, ten-thousandths per kW and day.
        volume_price_e4_per_kwh: for utilisation, ten-thousandths per kWh, on top of what an element costs its owner.
        activation_price: whether `volume_price_e4_per_kwh` is fixed or a maximum.
        currency: ISO 4217.
        deficiency_cap: True: in an ISP never more counts as missing than was ordered. False: what the meter went the
            other way counts as well, as in UFTP.
        reserved: True: the amount stands by, is paid for that and owed when it is asked for. False: a framework for what
            is offered and taken freely, up to the amount; its capacity price is 0.
        version: 1 as it is agreed first; an amendment is the next one, from its own start date on.
        notice_days: how long before its last day either side may terminate it alone; 0: only both together.
        template, template_version: what the negotiation began from, as its publisher names it; empty and 0: nothing.
    """

    contract_id: str
    buyer: str
    seller: str
    start_date: date
    end_date: date
    days_of_week: tuple[int, ...]
    start_minute: int
    end_minute: int
    timezone: str
    isp_minutes: int
    flex_elements: tuple[FlexElement, ...]
    amount_up_w: int
    amount_down_w: int
    max_activations: int
    max_runtime_isps: int
    recovery_isps: int
    penalty_e4_per_kwh: int
    capacity_price_e4_per_kw_day: int
    volume_price_e4_per_kwh: int
    activation_price: ActivationPriceKind = ActivationPriceKind.MAXIMUM
    currency: str = "EUR"
    counted_per: CountedPer = CountedPer.DAY
    deficiency_cap: bool = False
    reserved: bool = True
    version: int = 1
    notice_days: int = 0
    template: str = ""
    template_version: int = 0

    @property
    def record_key(self) -> str:
        """Under which it is recorded: its name, of an amendment with the version."""
        return self.contract_id if self.version == 1 else f"{self.contract_id}#{self.version}"

    @property
    def of_portfolios(self) -> bool:
        """Whether its elements are portfolios at congestion points, so that an order names the one it calls."""
        return all(element.kind == PORTFOLIO for element in self.flex_elements)

    @property
    def isp(self) -> timedelta:
        """The length of one ISP."""
        return timedelta(minutes=self.isp_minutes)

    def element(self, name: str) -> FlexElement | None:
        """A covered device or portfolio part by its name, or None."""
        return next((element for element in self.flex_elements if element.name == name), None)

    def price_e4_per_kwh(self, element: str) -> int:
        """What the utilisation of an element is paid, ten-thousandths per kWh; the contract's price if it has none."""
        own = (e.volume_price_e4_per_kwh for e in self.flex_elements if e.name == element)
        price = next(own, None)
        return self.volume_price_e4_per_kwh if price is None else price

    @property
    def own_costs_e4_per_kwh(self) -> dict[str, int]:
        """What the elements cost their owner: their prices less the contract's; 0 where an element has no price."""
        markup = self.volume_price_e4_per_kwh
        return {e.name: (e.volume_price_e4_per_kwh or markup) - markup for e in self.flex_elements}

    def within_elements(self) -> FlexContract:
        """The same with no more than its elements can move."""
        up = min(self.amount_up_w, sum(element.max_increase_w for element in self.flex_elements))
        down = max(self.amount_down_w, sum(element.max_decrease_w for element in self.flex_elements))
        if (up, down) == (self.amount_up_w, self.amount_down_w):
            return self
        return replace(self, amount_up_w=up, amount_down_w=down)

    def at_prices(self, volume_e4_per_kwh: int, capacity_e4_per_kw_day: int) -> FlexContract:
        """The same with these prices of the contract; the elements' follow, their owner's costs stay."""
        change = volume_e4_per_kwh - self.volume_price_e4_per_kwh
        # Most offers of a negotiation are no more than this, and `replace` would go through all fields one by one.
        made: FlexContract = object.__new__(type(self))
        values = vars(made)
        values.update(vars(self))
        for cached in _CACHED:
            values.pop(cached, None)
        if change:
            values["flex_elements"] = tuple([element.dearer_by(change) for element in self.flex_elements])
        values["volume_price_e4_per_kwh"] = volume_e4_per_kwh
        values["capacity_price_e4_per_kw_day"] = capacity_e4_per_kw_day
        good = volume_e4_per_kwh >= 0 and (
            capacity_e4_per_kw_day == 0 or (self.reserved and capacity_e4_per_kw_day > 0)
        )
        if good and not self.faults:  # a sound contract at other sound prices is sound
            values["faults"] = ()
        return made

    @cached_property
    def encoded(self) -> bytes:
        """Its canonical bytes, which both sides sign: made once, however often it is offered, checked and recorded."""
        return encode(self)

    @cached_property
    def faults(self) -> tuple[str, ...]:
        """Everything wrong with it, one sentence each naming field, value and what was expected."""
        return _faults(self)


def in_force(contracts: Iterable[FlexContract], day: date) -> FlexContract | None:
    """Which of the contracts of two parties counts on a local day: of several, the one agreed last; or None."""
    found = None
    for contract in contracts:  # as they were agreed
        if contract.start_date <= day <= contract.end_date:
            found = contract
    return found


def _faults(c: FlexContract) -> tuple[str, ...]:
    found: list[str] = []

    def expect(good: bool, name: str, value: object, expected: str) -> None:
        if not good:
            found.append(f"{name}: {value!r}; expected {expected}")

    for name in ("contract_id", "buyer", "seller"):
        expect(bool(getattr(c, name)), name, getattr(c, name), "a name")
    expect(c.buyer != c.seller or not c.buyer, "seller", c.seller, "another party than the buyer")
    expect(c.start_date <= c.end_date, "end_date", c.end_date.isoformat(), f"{c.start_date} or later")
    days = c.days_of_week
    expect(
        bool(days) and days == tuple(sorted(set(days))) and days[0] >= 1 and days[-1] <= 7,
        "days_of_week",
        days,
        "ascending numbers of 1 (Monday) to 7",
    )
    isp_fits = c.isp_minutes > 0 and 60 % c.isp_minutes == 0
    expect(isp_fits, "isp_minutes", c.isp_minutes, "a divisor of 60, for example 15")
    expect(0 <= c.start_minute < c.end_minute <= 1440, "end_minute", c.end_minute, "0 <= start_minute < it <= 1440")
    if isp_fits:
        for name in ("start_minute", "end_minute"):
            expect(getattr(c, name) % c.isp_minutes == 0, name, getattr(c, name), "a whole number of ISPs")
    expect(_is_zone(c.timezone), "timezone", c.timezone, "an IANA name, for example Europe/Vienna")
    names = [element.name for element in c.flex_elements]
    expect(bool(names) and len(set(names)) == len(names), "flex_elements", names, "at least one, each named once")
    expect(all(e.max_increase_w >= 0 >= e.max_decrease_w for e in c.flex_elements), "flex_elements", names,
           "max_increase_w >= 0 and max_decrease_w <= 0 for each")  # fmt: skip
    priced = [e for e in c.flex_elements if e.volume_price_e4_per_kwh is not None]
    expect(all((e.volume_price_e4_per_kwh or 0) >= c.volume_price_e4_per_kwh for e in priced), "flex_elements",
           [(e.name, e.volume_price_e4_per_kwh) for e in priced], "no price below the contract's")  # fmt: skip
    up = sum(element.max_increase_w for element in c.flex_elements)
    down = sum(element.max_decrease_w for element in c.flex_elements)
    expect(0 <= c.amount_up_w <= max(up, 0), "amount_up_w", c.amount_up_w, f"0..{up}, what the flex elements can")
    expect(min(down, 0) <= c.amount_down_w <= 0, "amount_down_w", c.amount_down_w, f"{down}..0, what they can")
    expect(
        c.amount_up_w > 0 or c.amount_down_w < 0, "amount_up_w", c.amount_up_w, "an amount in one direction at least"
    )
    expect(c.max_activations >= 1, "max_activations", c.max_activations, "1 or more")
    expect(c.max_runtime_isps >= 1, "max_runtime_isps", c.max_runtime_isps, "1 or more")
    expect(c.version >= 1, "version", c.version, "1 or more")
    from_zero = "notice_days", "template_version", "recovery_isps"
    for name in (*from_zero, "penalty_e4_per_kwh", "capacity_price_e4_per_kw_day", "volume_price_e4_per_kwh"):
        expect(getattr(c, name) >= 0, name, getattr(c, name), "0 or more")
    expect(
        c.reserved or c.capacity_price_e4_per_kw_day == 0,
        "capacity_price_e4_per_kw_day",
        c.capacity_price_e4_per_kw_day,
        "0 where nothing is reserved",
    )
    fits = len(c.currency) == 3 and c.currency.isascii() and c.currency.isalpha() and c.currency.isupper()
    expect(fits, "currency", c.currency, "an ISO 4217 code, for example EUR")
    return tuple(found)


def checked(contract: FlexContract) -> FlexContract:
    """`contract` itself when it is sound.

    Raises:
        BadInput: all its faults at once.
    """
    if contract.faults:
        raise BadInput(f"contract {contract.contract_id}: {'; '.join(contract.faults)}")
    return contract


def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True
