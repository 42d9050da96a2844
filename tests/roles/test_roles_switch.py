"""A home changes its aggregator at the second midnight: each day is one aggregator's, from its first prognosis to its money."""

from __future__ import annotations

import ast
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.roles.aggregator.prognosis_sums import PrognosisSums
from agents.roles.messages import MeterUpdate
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.register_keeping import RegisterKeeping
from cim.codec.codec import decode
from cim.platform.publications.incidents import RuleBroken
from cim.platform.publications.ledger import RecordRefused
from cim.platform.publications.settlement import SettlementAnswered
from cim.platform.publications.trading import OrderRefused
from market.ledger.reader import LedgerReader
from market.ledger.verify import verify
from market.register.lifecycle import UnitEvent
from market.register.providers import ProviderSwitch, aggregator_on
from market.settlement.payments import Payment, balance
from market.uftp import DPrognosis, FlexOrder, FlexSettlement, Metering
from tests.worlds.miniature import HOMES, SELLER, Miniature
from tests.worlds.players import DAY, FIRST, POINT
from tests.worlds.undisturbed import undisturbed

MOVER, OLD, NEW = "home-b", "agr", "agr-2"
SECOND = FIRST + timedelta(days=1)
SWITCHES = {MOVER: (ProviderSwitch(SECOND, NEW),)}
DAYS = (FIRST, SECOND)
END = DAY.next().end + timedelta(hours=9)


def holder(home: str, day: date) -> str:
    """Whose a home is on a day."""
    return NEW if (home, day) == (MOVER, SECOND) else SELLER[home]


def records(market: Miniature) -> dict[tuple[str, str], Any]:
    """The ledger, after it was verified."""
    path = Path(market.ledger.place)
    verify(path)
    with LedgerReader(path) as reader:
        return {(record.kind, record.key): decode(record.body) for record in reader.records()}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    """Two days with the switch in between."""
    played = undisturbed(END, tmp_path_factory.mktemp("switch") / "ledger.db", days=2, switches=SWITCHES)
    played.ledger.close()
    return played


def test_nothing_goes_wrong(market: Miniature) -> None:
    """No rule is broken, no order or record refused, no settlement disputed, on either day."""
    assert market.told(RuleBroken, RecordRefused, OrderRefused) == []
    answers = {answer.disposition for told in market.told(SettlementAnswered) for answer in told.answers}
    assert answers == {"Accepted"}


def test_each_day_is_told_to_its_own_aggregator_alone(market: Miniature) -> None:
    """Prognoses, meterings of connection and elements, and the meter's intervals: the eve goes to both, each for its days."""
    told: dict[tuple[str, str, date], set[str]] = defaultdict(set)
    for sender, to, message in market.sent:
        if sender in HOMES and isinstance(message, DPrognosis | Metering) and to in (OLD, NEW):
            told[type(message).__name__, sender, message.period].add(to)
        elif sender in HOMES and isinstance(message, MeterUpdate):
            day = market.rules.day_of(message.end - timedelta(seconds=1)).day
            told["interval", sender, day].add(to)
    kinds = ("DPrognosis", "Metering", "interval")
    assert told == {(kind, home, day): {holder(home, day)} for kind in kinds for home in HOMES for day in DAYS}


def test_no_isp_is_unforecast_and_none_twice(market: Miniature) -> None:
    """What both aggregators foretell the DSO last is the sum of what all four homes foretold them, in every ISP."""
    for day in DAYS:
        of_sellers = [market.roles[name].part(PrognosisSums).newest(POINT, day) for name in (OLD, NEW)]
        last: dict[str, DPrognosis] = {}
        for sender, to, message in market.sent:
            if (
                sender in HOMES
                and isinstance(message, DPrognosis)
                and message.period == day
                and to == holder(sender, day)
            ):
                last[sender] = message
        assert set(last) == set(HOMES)
        members = {name: [home for home in HOMES if holder(home, day) == name] for name in (OLD, NEW)}
        for name, prognosis in zip((OLD, NEW), of_sellers, strict=True):
            assert prognosis is not None
            final = [market.roles[name].part(PrognosisSums).final_w(home, day) for home in members[name]]
            assert None not in final
        heard = [sum(m.power_w) for m in last.values()]
        assert sum(sum(p.power_w) for p in of_sellers if p is not None) == pytest.approx(sum(heard), rel=0.02)


def test_every_day_of_every_home_is_settled_once_by_the_one_who_had_it(market: Miniature) -> None:
    """Of each home and day one settlement, from its aggregator of that day; and the DSO settles both sellers each day."""
    found: dict[tuple[str, date], list[str]] = defaultdict(list)
    for (kind, _), body in records(market).items():
        if kind == "flex-settlement":
            found[body.header.recipient_domain, body.period_start].append(body.header.sender_domain)
    expected = {(f"{home}.example", day): [f"{holder(home, day)}.example"] for home in HOMES for day in DAYS}
    expected |= {(f"{name}.example", day): ["dso.example"] for name in (OLD, NEW) for day in DAYS}
    assert found == expected


def test_money_of_both_days_is_at_the_right_one(market: Miniature) -> None:
    """Whoever pays a home for a day had it on that day; the mover is paid by both, each for its own; all money sums to nil."""
    payments = [p for (kind, _), body in records(market).items() if kind == "remuneration" for p in body]
    assert sum(balance(payments).values()) == 0
    settled = [body for (kind, _), body in records(market).items() if kind == "flex-settlement"]
    paid: dict[tuple[str, date], set[str]] = defaultdict(set)
    for payment in payments:
        for home in HOMES:
            domain = f"{home}.example"
            if domain in (payment.payee, payment.payer):
                other = payment.payer if payment.payee == domain else payment.payee
                paid[home, _period(payment, settled)].add(other)
    assert paid
    assert paid == {(home, day): {f"{holder(home, day)}.example"} for home, day in paid}
    assert {day for home, day in paid if home == MOVER} == set(DAYS)


def _period(payment: Payment, settled: list[FlexSettlement]) -> date:
    """The day that a payment is for: as its settlement says, or its reference."""
    for body in settled:
        references = {row.order_reference for row in body.order_settlements}
        parties = {body.header.sender_domain, body.header.recipient_domain}
        contracts = {part.contract_id for part in body.contract_settlements}
        if parties == {payment.payer, payment.payee} and payment.reference in references | contracts:
            return body.period_start
    return date.fromisoformat(payment.reference[:10])


def test_both_order_of_the_mover_on_their_own_day(market: Miniature) -> None:
    """An order of a day comes from the aggregator of that day; there are some on both, else nothing would be shown."""
    orders = {
        (sender, message.period)
        for sender, to, message in market.sent
        if to == MOVER and isinstance(message, FlexOrder)
    }
    assert orders == {(OLD, FIRST), (NEW, SECOND)}


def test_the_old_contract_ends_with_notice_and_the_new_one_begins_with_the_day(market: Miniature) -> None:
    """Given two days before, to the last day; the next contract was agreed the day before, and both sides hold both."""
    ((_, ended),) = [item for item in records(market).items() if item[0][0] == "contract-termination"]
    assert (ended.seller, ended.by, ended.last_day) == (f"{MOVER}.example", f"{OLD}.example", FIRST)
    contracts = market.roles[MOVER].part(Contracts)
    (old,), (new,) = contracts.with_peer(OLD), contracts.with_peer(NEW)
    assert (old.start_date, old.end_date, new.start_date) == (FIRST, FIRST, SECOND)
    for name in (OLD, NEW):
        assert market.roles[name].part(Contracts).with_peer(MOVER) == contracts.with_peer(name)


def test_the_dso_s_contracts_follow_the_portfolios(market: Miniature) -> None:
    """Options and frameworks are amended from the day on: three homes' worth for the one, one home's for the other."""
    contracts = market.roles["dso"].part(Contracts)
    for name, homes in ((OLD, (2, 1)), (NEW, (2, 3))):
        for day, count in zip(DAYS, homes, strict=True):
            for contract in contracts.contracts_on(name, day):
                assert [e.max_increase_w for e in contract.flex_elements] == [count * 14_000]
                assert contract.version == 1 + (day == SECOND)
            assert len(contracts.contracts_on(name, day)) == 2
            assert contracts.contracts_on(name, day) == market.roles[name].part(Contracts).contracts_on("dso", day)


def test_the_register_knows_who_may_market_a_unit(market: Miniature) -> None:
    """Applied with for the old one, prequalified, a switch asked for the day before, taken over by the new one."""
    moves: dict[str, list[tuple[UnitEvent, date]]] = defaultdict(list)
    for (kind, _), body in records(market).items():
        if kind == "register":
            for move in body:
                moves[move.key.unit].append((move.event, market.rules.day_of(move.at).day))
    began = FIRST - timedelta(days=1)
    first = [(UnitEvent.APPLICATION, began), (UnitEvent.PREQUALIFICATION, began)]
    after = [(UnitEvent.SWITCH, FIRST), (UnitEvent.TAKE_OVER, FIRST)]
    for home in HOMES:
        for unit in (f"{home}.pv", f"{home}.bat"):
            assert moves[unit] == (first + after if home == MOVER else first)
    units = market.roles["iles"].part(RegisterKeeping).state.units
    providers = {key.unit.partition(".")[0]: unit.provider for key, unit in units.items()}
    assert providers == {home: f"{holder(home, SECOND)}.example" for home in HOMES}


def test_the_common_reference_names_the_holder(market: Miniature) -> None:
    """The CRO knew the old one until its last day, and knows the new one now."""
    register = market.roles["iles"].parts["ReferenceRegister"].state.connections
    assert {ean: one.agr_domain for ean, one in register.items()} == {
        f"ean.{home}": f"{holder(home, SECOND)}.example" for home in HOMES
    }


def test_nobody_reads_an_aggregator_but_by_day() -> None:
    """No role looks at a connection's aggregator itself: all ask `aggregator_on` with the day that it is about."""
    folder = Path(__file__).parents[2] / "agents" / "roles"
    found = [
        f"{path.relative_to(folder)}:{node.lineno}"
        for path in sorted(folder.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "aggregator"
    ]
    assert found == []
    assert aggregator_on.__module__ == "market.register.providers"
