"""Any UFTP message that may stand on the wire, drawn by hypothesis; and one plain example of each kind."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from enum import Enum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from market import uftp
from market.uftp.exchange import ANSWERED, EXCHANGES

KINDS: tuple[Any, ...] = (*EXCHANGES, *ANSWERED)
ZONE, POINT = "Europe/Vienna", "ea1.2016-01.at.strem:lv-rural1"
DAY = date(2026, 5, 21)
NOON = datetime(2026, 5, 20, 10, tzinfo=UTC)
UUIDS = st.uuids(version=4).map(str)
DOMAINS = st.sampled_from(["agr.example", "dso.strem.example", "cro-1.example"])
WORDS = st.text(st.characters(exclude_categories=("C",), exclude_characters="\ufffe\uffff"), min_size=1, max_size=12)
WATTS = st.integers(-1_000_000, 1_000_000)
INSTANTS = st.datetimes(datetime(2016, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
NAMED: dict[str, st.SearchStrategy[Any]] = {
    "sender_domain": DOMAINS, "recipient_domain": DOMAINS, "agr_domain": DOMAINS, "dso_domain": DOMAINS,
    "message_id": UUIDS, "conversation_id": UUIDS, "version": st.just("3.1.0"), "timezone": st.just(ZONE),
    "isp_minutes": st.sampled_from([1, 15, 30, 60]), "currency": st.just("EUR"), "ean": st.just("E871685900012636543"),
    "congestion_point": st.sampled_from([POINT, "ean.871685900012636543"]), "duration": st.integers(1, 4),
    "entity_address": st.sampled_from([POINT, "ean.871685900012636544", "ea1.2016-01.at.strem:home-1&b#"]),
    "start": st.integers(1, 96), "revision": st.integers(1, 10**9), "price": WATTS, "penalty": WATTS,
    "power_w": WATTS, "profiles": st.lists(
        st.builds(uftp.MeteringProfile, st.just("Power"), st.just("W"), st.lists(WATTS, min_size=1, max_size=9).map(tuple))
        | st.builds(uftp.MeteringProfile, st.just("ImportEnergy"), st.just("Wh"), st.just((1, 0, 23))),
        min_size=1, max_size=2).map(tuple),
}  # fmt: skip
# Which fields of a connection a message tells; the others stay out.
TOLD: dict[Any, tuple[str, ...]] = {
    uftp.AgrPortfolioUpdate: ("start_period", "end_period"),
    uftp.DsoPortfolioUpdate: ("start_period", "end_period"),
    uftp.AgrPortfolioQueryResponse: (),
    uftp.DsoPortfolioQueryResponse: ("agr_domain",),
}


def anything(hint: Any, name: str = "", kind: Any = None) -> st.SearchStrategy[Any]:
    """Any value that a field of this type and name may have in a message of this kind."""
    if name in ("sums", "counted_power_w"):  # ours alone: UFTP's schema has no place for it
        return st.none()
    if isinstance(hint, UnionType):
        return st.none() | anything(next(p for p in get_args(hint) if p is not type(None)), name, kind)
    if get_origin(hint) is tuple:
        if name == "power_w":  # a D-Prognosis
            return st.lists(WATTS, min_size=1, max_size=100).map(tuple)
        least = 0 if name == "flex_order_statuses" else 1
        return st.lists(anything(get_args(hint)[0], "", kind), min_size=least, max_size=3).map(tuple)
    if name in NAMED:
        return NAMED[name]
    if hint is str:
        return UUIDS if name.endswith("_message_id") else WORDS
    simple = {int: WATTS, bool: st.booleans(), datetime: INSTANTS, date: st.dates(date(2016, 1, 1), date(2040, 1, 1))}
    if hint in simple:
        return simple[hint]
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    return built(hint, kind)


def built(hint: Any, kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a dataclass in a message of this kind."""
    if "profiles" in (hints := get_type_hints(hint)):
        return st.builds(
            hint, **{n: NAMED["profiles"] if n == "profiles" else anything(h, n, kind) for n, h in hints.items()}
        )
    fields = {name: anything(part, name, kind) for name, part in hints.items()}
    fields |= {name: st.integers(1, 100) for name in fields if name.endswith("_pct")}
    if hint is uftp.Connection:
        told = ("entity_address", *TOLD[kind])
        start = {"start_period": st.dates(date(2016, 1, 1), date(2040, 1, 1))} if "start_period" in told else {}
        return st.builds(hint, **{**{n: s for n, s in fields.items() if n in told}, **start})
    if hint is uftp.CongestionPoint:
        days = TOLD[kind]
        fields = {n: s for n, s in fields.items() if not n.endswith("_period") or n in days}
        if days:
            fields["start_period"] = st.dates(date(2016, 1, 1), date(2040, 1, 1))
    if hint is uftp.RequestIsp:
        limits = st.tuples(WATTS, WATTS).map(sorted)
        isps = st.builds(hint, **{**fields, "min_power_w": st.just(0), "max_power_w": st.just(0)})
        return st.builds(lambda isp, p: dataclasses.replace(isp, min_power_w=p[0], max_power_w=p[1]), isps, limits)
    if hint is uftp.SettlementIsp:
        fields["power_deficiency_w"] = st.integers(0, 10**6)
    return st.builds(hint, **fields).map(_placed)


def _placed(value: Any) -> Any:
    """Connections of an answer know where they hang, as they stand below it."""
    if isinstance(value, uftp.DsoPortfolioQueryResponse):
        here = value.congestion_point
        connections = tuple(dataclasses.replace(c, congestion_point=here) for c in value.connections)
        return dataclasses.replace(value, connections=connections)
    if isinstance(value, uftp.DsoPortfolio):
        points = tuple(
            dataclasses.replace(
                p,
                connections=tuple(
                    dataclasses.replace(c, congestion_point=p.entity_address, dso_domain=value.dso_domain)
                    for c in p.connections
                ),
            )
            for p in value.congestion_points
        )
        return dataclasses.replace(value, congestion_points=points)
    return value


def messages(kind: Any) -> st.SearchStrategy[Any]:
    """Any message of a kind."""
    return built(kind, kind).map(_solicited)


def _solicited(message: Any) -> Any:
    """What refers to nothing is unsolicited, as the library has it; a settlement's revision is not told."""
    if isinstance(message, uftp.FlexOffer):
        return dataclasses.replace(message, unsolicited=message.flex_request_message_id is None)
    if isinstance(message, uftp.FlexOrder):
        return dataclasses.replace(message, unsolicited=message.flex_offer_message_id is None)
    return dataclasses.replace(message, revision=1) if isinstance(message, uftp.FlexSettlement) else message


# ---- one plain example of each -----------------------------------------------------------------------------------------

AGR, DSO, CRO = "agr.example", "dso.example", "cro.example"
SENDERS = {uftp.UsefRole.AGR: AGR, uftp.UsefRole.DSO: DSO, uftp.UsefRole.CRO: CRO}


def number(k: int) -> str:
    """A MessageID that says its number."""
    return f"00000000-0000-4000-8000-{k:012d}"


def header(sender: str, recipient: str, k: int, conversation: int | None = None, at: datetime = NOON) -> uftp.Header:
    """The header of message number `k`."""
    return uftp.Header(sender, recipient, at, number(k), number(k if conversation is None else conversation))


def prognosis(k: int = 1, power_w: int = -40_000) -> uftp.DPrognosis:
    """Of AGR: the same power all day."""
    return uftp.DPrognosis(header(AGR, DSO, k), DAY, POINT, 1, (power_w,) * 96, ZONE)


def request(k: int = 2) -> uftp.FlexRequest:
    """Of DSO: at noon 10 kW more consumption."""
    isps = (
        uftp.RequestIsp(49, uftp.Disposition.REQUESTED, 10_000, 12_000, 4),
        uftp.RequestIsp(53, uftp.Disposition.AVAILABLE, -5_000, 5_000, 2),
    )
    until = datetime(2026, 5, 20, 20, tzinfo=UTC)
    return uftp.FlexRequest(header(DSO, AGR, k), DAY, POINT, 1, until, isps, ZONE)


def offer(k: int = 3, asked: int = 2, on: int = 1) -> uftp.FlexOffer:
    """Of AGR: all that was asked for, for 12.34 EUR, or half of it."""
    isps = (uftp.IspPower(49, 10_000, 4),)
    options = (uftp.OfferOption("all", 123_400, isps, 50),)
    until = datetime(2026, 5, 20, 20, tzinfo=UTC)
    return uftp.FlexOffer(
        header(AGR, DSO, k, asked), DAY, POINT, until, options, "EUR", ZONE,
        flex_request_message_id=number(asked), d_prognosis_message_id=number(on),
    )  # fmt: skip


def order(k: int = 4, offered: int = 3, conversation: int = 2, on: int = 1) -> uftp.FlexOrder:
    """Of DSO: the whole offer."""
    return uftp.FlexOrder(
        header(DSO, AGR, k, conversation), DAY, POINT, "order-1", 123_400, "EUR", (uftp.IspPower(49, 10_000, 4),), ZONE,
        flex_offer_message_id=number(offered), option_reference="all", d_prognosis_message_id=number(on),
    )  # fmt: skip


def metering(k: int = 5, power_w: int = -40_000) -> uftp.Metering:
    """Of AGR: a connection's day."""
    profiles = (uftp.MeteringProfile("Power", "W", (power_w,) * 96),)
    return uftp.Metering(header(AGR, DSO, k), DAY, "E871685900012636543", 1, profiles, ZONE)


def settlement(k: int = 6) -> uftp.FlexSettlement:
    """Of DSO: the order, delivered; no contract."""
    isps = (uftp.SettlementIsp(49, -40_000, 10_000, -30_000, 10_000, 0, 4),)
    one = uftp.FlexOrderSettlement("order-1", DAY, POINT, isps, 123_400, 0, 123_400, d_prognosis_message_id=number(1))
    return uftp.FlexSettlement(header(DSO, AGR, k), DAY, DAY, "EUR", (one,))
