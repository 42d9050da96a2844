"""What ILES's agents say to each other beyond USEF's messages: inside a home, inside a virtual power plant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.devices import Nameplate, News, Setpoint, WeatherForecast
from cim.model.readings import Reading
from market.ledger.records import BlockHead, Record
from market.ledger.replica import BlockLeaves
from market.uftp import IspPower


@wire("home.DeviceJoined")
@dataclass(frozen=True, slots=True)
class DeviceJoined:
    """An asset tells its prosumer that it is connected and what it is."""

    element: str
    nameplate: Nameplate


@wire("home.DeviceReport")
@dataclass(frozen=True, slots=True)
class DeviceReport:
    """An asset's readings and news of one control instant."""

    element: str
    at: datetime
    readings: tuple[Reading, ...]
    news: tuple[News, ...]


@wire("home.DeviceSchedule")
@dataclass(frozen=True, slots=True)
class DeviceSchedule:
    """What the prosumer wants of an asset on one day: a setpoint for each ISP, None where it may run by its own rule."""

    urgent: ClassVar[bool] = True
    element: str
    period: date
    setpoints: tuple[Setpoint | None, ...]


@wire("home.WeatherBulletin")
@dataclass(frozen=True, slots=True)
class WeatherBulletin:
    """The ILES manager passes the weather service's forecast on."""

    forecast: WeatherForecast


@wire("home.MeterUpdate")
@dataclass(frozen=True, slots=True)
class MeterUpdate:
    """A prosumer's mean power since the last control instant; None when its meter is blind."""

    usage_point: str
    start: datetime
    end: datetime
    power_w: int | None


@wire("vpp.Invitation")
@dataclass(frozen=True, slots=True)
class VppInvitation:
    """The aggregator opens a session: who can move power on these ISPs (1-based, both included)?

    Attributes:
        first_share: of the first ISP, how much is still to come when this is about the running one.
        wanted: for each ISP 1 where more consumption is asked for, -1 where less, 0 where nothing is paid.
    """

    session: str
    period: date
    first_isp: int
    last_isp: int
    first_share: float = 1.0
    wanted: tuple[int, ...] = ()


@wire("vpp.PriceRound")
@dataclass(frozen=True, slots=True)
class PriceRound:
    """One round's signal: subtract it from `share` of your last deviation, respond with penalty rho.

    What it is for is said in `agents.planning.dispatch.admm`.
    """

    session: str
    round: int
    rho: float
    signal_kw: Floats
    share: float = 1.0


@wire("vpp.ElementBaseline")
@dataclass(frozen=True, slots=True)
class ElementBaseline:
    """What a flex element would do on the session's ISPs without a further order, watts; told before any price.

    `by_degrees` is False for what can only do one thing or another, such as start now or later.
    """

    element: str
    power_w: tuple[int, ...]
    by_degrees: bool = True


@wire("vpp.NetProfile")
@dataclass(frozen=True, slots=True)
class NetProfile:
    """A member's answer: the sum of its elements' deviations, never one element's.

    Round 0 answers the invitation: no deviation yet, but which elements take part and their baselines, so that nobody
    can choose a baseline after the price is known.

    Attributes:
        asked_e4_per_kwh: what its contract pays on average for what it moves as wanted; None where that does not cover
            what its deviations cost it: then it takes no part.
    """

    session: str
    round: int
    deviation_kw: Floats
    baselines: tuple[ElementBaseline, ...] = ()
    asked_e4_per_kwh: int | None = 0


@wire("vpp.OrderSplit")
@dataclass(frozen=True, slots=True)
class OrderSplit:
    """How a member's order falls on its elements: each element measures what it delivers."""

    order_reference: str
    parts: tuple[tuple[str, tuple[IspPower, ...]], ...]


@wire("market.MakeWholeClaim")
@dataclass(frozen=True, slots=True)
class MakeWholeClaim:
    """A member's day cost it more than its own rules alone would have: it asks its aggregator for the difference.

    Attributes:
        claimant, payer: domains of the member and its aggregator.
        amount_e4: `market_e4` less `local_e4`, and a cent for what such an account cannot see; > 0, ten-thousandths of
            the currency unit.
        market_e4: what its energy cost it by its tariff, less what it was paid for flexibility.
        local_e4: what its energy would have cost it, from its measured base load, plants and stores.
    """

    claimant: str
    payer: str
    period: date
    amount_e4: int
    market_e4: int
    local_e4: int


@wire("vpp.SessionClosed")
@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The session led to nothing (or is settled): forget it."""

    session: str


@wire("role.Filed")
@dataclass(frozen=True, slots=True)
class Filed:
    """To the ledger keeper: make these records durable and tell me under this reference (any wire value)."""

    reference: object
    records: tuple[Record, ...]


@wire("role.Receipt")
@dataclass(frozen=True, slots=True)
class Receipt:
    """From the ledger keeper: they are durable, or why not."""

    reference: object
    fault: str | None = None


@wire("role.FileAgain")
@dataclass(frozen=True, slots=True)
class FileAgain:
    """From the ledger keeper: I have forgotten what you filed; what you have no receipt of may not be recorded."""


@wire("ledger.KeyChanged")
@dataclass(frozen=True, slots=True)
class KeyChanged:
    """From the ledger keeper to everybody: this change of a party's key is recorded, and counts from now on."""

    record: Record


@wire("ledger.HeadAnnounced")
@dataclass(frozen=True, slots=True)
class HeadAnnounced:
    """A block was closed; co-sign its head if it extends the one you know.

    Attributes:
        shown: the leaf hashes behind it.
        signature: the ledger keeper's own, of the head: whoever shows two heads of one block has signed both.
    """

    head: BlockHead
    shown: BlockLeaves
    signature: bytes


@wire("ledger.HeadCosigned")
@dataclass(frozen=True, slots=True)
class HeadCosigned:
    """A party's signature of a head."""

    number: int
    signature: bytes


@wire("ledger.HeadSeen")
@dataclass(frozen=True, slots=True)
class HeadSeen:
    """From one co-signer to another: this head was announced to me, with the ledger keeper's signature."""

    head: BlockHead
    signature: bytes
