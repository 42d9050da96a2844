"""A home asks for another aggregator while the market lives: recorded, told, carried out as if it had been planned; or refused."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.roles.aggregator.config import AggregatorConfig, Member
from agents.roles.aggregator.member_changes import MemberChanges
from agents.roles.dso.config import DsoConfig
from agents.roles.dso.portfolio_changes import PortfolioChanges
from agents.roles.effects import Effect, Publish, Send
from agents.roles.events import Received
from agents.roles.iles_manager import IlesConfig
from agents.roles.iles_manager.switch_recording import SwitchRecording
from agents.roles.messages import KeyChanged
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.register_keeping import RegisterKeeping
from agents.roles.parts.switches_known import SwitchesKnown
from agents.roles.prosumer.switch_asking import SwitchAsking
from agents.roles.switch_messages import SwitchAgreed, SwitchAsked, SwitchesForgotten, SwitchRefused
from agents.runtime.ledger_history import recollect
from cim.codec.codec import decode
from cim.platform.mailbox.requests import MAILBOX, AggregatorWanted, RequestAnswered
from cim.platform.publications.agreements import ConnectionSwitched
from cim.platform.publications.incidents import RuleBroken
from cim.platform.publications.ledger import RecordRefused
from cim.platform.publications.trading import OrderRefused
from market.ledger.party_keys import revocation, rotation
from market.ledger.reader import LedgerReader
from market.ledger.records import Record
from market.ledger.verify import verify
from market.register.agreed_switches import RECORD_KIND, ConnectionSwitch, ServedConnection
from market.register.providers import ProviderSwitch
from market.settlement.payments import balance
from tests.worlds.miniature import HOMES, SELLER, Miniature, second_key
from tests.worlds.players import DAY, FIRST, POINT

MOVER, OLD, NEW = "home-b", "agr", "agr-2"
SECOND = FIRST + timedelta(days=1)
SWITCH = ProviderSwitch(SECOND, NEW)
END = DAY.next().end + timedelta(hours=9)
CONCERNED = (MOVER, OLD, NEW, "dso")


def begun(folder: Path, days: int = 2) -> Miniature:
    """A market in which homes may change, a moment after its start."""
    folder.mkdir(exist_ok=True)
    market = Miniature(folder / "ledger.db", days=days, free_to_change=True)
    market.begin()
    return market


def ask(
    market: Miniature, to: str = NEW, day: date = SECOND, home: str = MOVER, at: datetime | None = None
) -> list[RequestAnswered]:
    """What people are told who ask for a change."""
    before = len(market.said(RequestAnswered))
    number = f"number-{before}-{len(market.sent)}"
    market.hear(MAILBOX, home, 1, AggregatorWanted(number, "bea", to, day), at or market.start)
    told: list[RequestAnswered] = market.said(RequestAnswered)[before:]
    assert all(one.number == number for one in told)
    return told


def holder(home: str, day: date) -> str:
    """Whose a home is on a day."""
    return NEW if (home, day) == (MOVER, SECOND) else SELLER[home]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    """Two days; right after the start, the day before, the mover asks for the second."""
    played = begun(tmp_path_factory.mktemp("asked"))
    ask(played)
    played.go_on(END)
    played.ledger.close()
    return played


def records(market: Miniature) -> dict[tuple[str, str], Any]:
    """The ledger, after it was verified."""
    verify(market.path)
    with LedgerReader(market.path) as reader:
        return {(record.kind, record.key): decode(record.body) for record in reader.records()}


def test_it_is_answered_with_what_follows(market: Miniature) -> None:
    """Once, accepted, with the first day and when notice is given; published for the data platform with its midnight."""
    (told,) = market.said(RequestAnswered)
    assert told.accepted
    notice = DAY.next(-1).at(18).isoformat(timespec="minutes")
    assert told.reason == f"recorded: {NEW} has the connection from {SECOND} on; notice is given at {notice}"
    (switched,) = market.told(ConnectionSwitched)
    assert (switched.usage_point, switched.owner, switched.former, switched.aggregator, switched.day, switched.begins) == (
        f"ean.{MOVER}", f"{MOVER}.example", f"{OLD}.example", f"{NEW}.example", SECOND, DAY.end,
    )  # fmt: skip


def test_it_stands_in_the_ledger_signed_by_the_owner_and_the_operator(market: Miniature) -> None:
    """One record, before anything follows from it."""
    verify(market.path)
    with LedgerReader(market.path) as reader:
        (record,) = reader.records(kind=RECORD_KIND)
    assert decode(record.body) == ConnectionSwitch(f"ean.{MOVER}", f"{MOVER}.example", f"{NEW}.example", SECOND)
    assert {signature.party for signature in record.signatures} == {f"{MOVER}.example", "iles.example"}


def test_nothing_goes_wrong(market: Miniature) -> None:
    """No rule is broken, no order or record refused."""
    assert market.told(RuleBroken, RecordRefused, OrderRefused) == []


def test_each_day_is_settled_once_by_the_one_who_had_the_home(market: Miniature) -> None:
    """Of each home and day one settlement, from its aggregator of that day; all money sums to nil."""
    found: dict[tuple[str, date], list[str]] = defaultdict(list)
    payments = []
    for (kind, _), body in records(market).items():
        if kind == "flex-settlement":
            found[body.header.recipient_domain, body.period_start].append(body.header.sender_domain)
        elif kind == "remuneration":
            payments += body
    expected = {(f"{home}.example", day): [f"{holder(home, day)}.example"] for home in HOMES for day in (FIRST, SECOND)}
    expected |= {(f"{name}.example", day): ["dso.example"] for name in (OLD, NEW) for day in (FIRST, SECOND)}
    assert found == expected
    assert payments
    assert sum(balance(payments).values()) == 0


def test_contracts_follow(market: Miniature) -> None:
    """The old one ended with the day before, the new one begins with the day, and the DSO's are for the portfolios of the day."""
    held = market.roles[MOVER].part(Contracts)
    (old,), (new,) = held.with_peer(OLD), held.with_peer(NEW)
    assert (old.end_date, new.start_date) == (FIRST, SECOND)
    contracts = market.roles["dso"].part(Contracts)
    for name, homes in ((OLD, (2, 1)), (NEW, (2, 3))):
        for day, count in zip((FIRST, SECOND), homes, strict=True):
            found = contracts.contracts_on(name, day)
            assert [[e.max_increase_w for e in one.flex_elements] for one in found] == [[count * 14_000]] * 2


def test_registers_follow(market: Miniature) -> None:
    """The mover's units are the new one's, and the CRO names it for the connection."""
    units = market.roles["iles"].part(RegisterKeeping).state.units
    providers = {key.unit.partition(".")[0]: unit.provider for key, unit in units.items()}
    assert providers == {home: f"{holder(home, SECOND)}.example" for home in HOMES}
    register = market.roles["iles"].parts["ReferenceRegister"].state.connections
    assert register[f"ean.{MOVER}"].agr_domain == f"{NEW}.example"


def test_all_whom_it_concerns_know_and_nobody_else(market: Miniature) -> None:
    """Owner, both aggregators and the DSO; the other homes hear nothing."""
    for name in CONCERNED:
        assert market.roles[name].part(SwitchesKnown).of(f"ean.{MOVER}") == (SWITCH,)
    assert {to for _, to, message in market.sent if isinstance(message, SwitchAgreed)} == set(CONCERNED)


def test_what_was_agreed_is_in_the_snapshot(market: Miniature) -> None:
    """A role that goes on elsewhere has the same days, changes and points as before."""
    fresh = Miniature._cast(market)
    for name in CONCERNED:
        fresh[name].restore(market.roles[name].snapshot())
        assert fresh[name].part(SwitchesKnown).of(f"ean.{MOVER}") == (SWITCH,)
    mover = {m.name: m for m in fresh[NEW].part(MemberChanges)._config.members}[MOVER]
    assert [mover.is_on(day) for day in (FIRST, SECOND)] == [False, True]
    assert fresh["dso"].part(PortfolioChanges)._config.changes == (SECOND,)


def test_who_has_lost_everything_is_told_again(market: Miniature) -> None:
    """The owner and the CRO find it in the ledger; both aggregators and the DSO ask the CRO."""
    fresh = Miniature._cast(market)
    now = DAY.at(12)
    lost = recollect(market.path, ["iles", *CONCERNED], market.rules.domains, now)
    cro = fresh["iles"]
    told = [effect for effect in cro.handle(lost["iles"], now) if isinstance(effect, Send)]
    assert {effect.to for effect in told if isinstance(effect.message, SwitchAgreed)} == set(CONCERNED)
    for name in CONCERNED:
        asked = [e for e in fresh[name].handle(lost[name], now) if isinstance(e, Send)]
        assert [e.to for e in asked if isinstance(e.message, SwitchesForgotten)] == ["iles"]
        again = cro.handle(Received(name, 1, SwitchesForgotten()), now)
        for number, effect in enumerate(again):
            assert isinstance(effect, Send)
            fresh[name].handle(Received("iles", number + 1, effect.message), now)
        assert fresh[name].part(SwitchesKnown).of(f"ean.{MOVER}") == (SWITCH,)
    assert cro.handle(Received("home-a", 1, SwitchesForgotten()), now) == []


@pytest.mark.parametrize(
    ("to", "day", "words"),
    [
        ("agr-3", SECOND, f"to: agr-3; expected another aggregator of this site: {NEW}"),
        ("dso", SECOND, "to: dso; expected another aggregator of this site"),
        (OLD, SECOND, f"to: {OLD}; it has the connection on {SECOND}, expected another: {NEW}"),
        (NEW, FIRST, f"day: {FIRST}; notice is given by 18:00 two days before, expected {SECOND} or later"),
        (NEW, SECOND + timedelta(days=1), f"expected {SECOND} or earlier, the last day that is operated"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(tmp_path: Path, to: str, day: date, words: str) -> None:
    """With what was asked and what was expected; nothing is recorded, and nobody else hears of it."""
    market = begun(tmp_path)
    (told,) = ask(market, to, day)
    assert (told.accepted, words in told.reason) == (False, True), told.reason
    assert market.said(SwitchAgreed) == []


def test_after_notice_it_is_the_day_after(tmp_path: Path) -> None:
    """At 18:00 two days before it is too late for the day, and not for the next; an aggregator may be named by its domain."""
    market = begun(tmp_path, days=3)
    late = DAY.next(-1).at(18)
    market.go_on(late - timedelta(minutes=1))
    (refused,) = ask(market, at=late)
    assert f"expected {SECOND + timedelta(days=1)} or later" in refused.reason
    (told,) = ask(market, f"{NEW}.example", SECOND + timedelta(days=1), at=late)
    assert told.accepted


def test_a_second_change_comes_after_the_first_alone(tmp_path: Path) -> None:
    """Before or on the day of what is agreed there is none; behind it, back to the old one, there is; others are free."""
    market = begun(tmp_path, days=5)
    third = SECOND + timedelta(days=2)
    assert [one.accepted for one in ask(market, day=third)] == [True]
    for day in (SECOND, third):
        (told,) = ask(market, day=day)
        assert told.reason == f"day: {day}; the connection goes over to {NEW} on {third}, expected a later day"
    assert [one.accepted for one in ask(market, OLD, third + timedelta(days=1))] == [True]
    assert [one.accepted for one in ask(market, OLD, SECOND, "home-c")] == [True]


def test_what_the_ledger_refuses_is_no_change(tmp_path: Path) -> None:
    """The owner is told why; it may ask again."""
    market = Miniature(
        tmp_path / "ledger.db", days=2, free_to_change=True, refuse=lambda reference: "SwitchFiling" in repr(reference)
    )
    market.begin()
    (told,) = ask(market)
    assert (told.accepted, told.reason) == (False, "it could not be recorded: the ledger is out of paper")
    market.refuse = lambda _: False
    assert [one.accepted for one in ask(market)] == [True]


def test_on_a_site_where_nobody_may_change_it_is_refused(tmp_path: Path) -> None:
    """A run without people: its changes stand in the site file."""
    market = Miniature(tmp_path / "ledger.db", days=2)
    market.begin()
    (told,) = ask(market)
    assert not told.accepted
    assert "expected a connection of" in told.reason


def said(effects: list[Effect]) -> list[object]:
    """What is sent or published."""
    return [e.message if isinstance(e, Send) else e.publication for e in effects if isinstance(e, Send | Publish)]


def test_nobody_asks_for_anothers_connection(tmp_path: Path) -> None:
    """Signed by another, or for another's connection, it is refused; asked by anybody but people, it is nothing."""
    market = begun(tmp_path)
    made = ConnectionSwitch(f"ean.{MOVER}", f"{MOVER}.example", f"{NEW}.example", SECOND)
    thief = market.roles["home-a"].me
    cro, now = market.roles["iles"], market.start
    for body in (made, replace(made, owner="home-a.example")):
        record = thief.record(RECORD_KIND, "stolen", body, now)
        for sender in ("home-a", MOVER):
            (told,) = said(cro.handle(Received(sender, 1, SwitchAsked(record)), now))
            assert isinstance(told, SwitchRefused)
    (told,) = said(cro.handle(Received("home-a", 2, SwitchAsked(thief.record("contract", "odd", made, now))), now))
    assert isinstance(told, SwitchRefused)
    assert "expected a change of aggregator" in told.fault
    wanted = AggregatorWanted("number-1", "x", NEW, SECOND)
    assert market.roles[MOVER].handle(Received(NEW, 1, wanted), now) == []
    assert cro.part(SwitchRecording).state.filed == {}


def test_only_the_operator_says_what_is_agreed(tmp_path: Path) -> None:
    """From another, or not signed by the owner, it breaks a rule and changes nothing; told twice it is once."""
    market = begun(tmp_path)
    made = ConnectionSwitch(f"ean.{MOVER}", f"{MOVER}.example", f"{NEW}.example", SECOND)
    owner, dso, now = market.roles[MOVER].me, market.roles["dso"], market.start
    good = owner.record(RECORD_KIND, "k", made, now)
    forged = market.roles[NEW].me.record(RECORD_KIND, "k", made, now)
    for sender, record in ((NEW, good), ("iles", forged), ("iles", owner.record(RECORD_KIND, "k", (1,), now))):
        (told,) = said(dso.handle(Received(sender, 1, SwitchAgreed(record)), now))
        assert isinstance(told, RuleBroken)
        assert dso.part(SwitchesKnown).state.agreed == {}
    assert dso.handle(Received("iles", 1, SwitchAgreed(good)), now) != []
    assert dso.handle(Received("iles", 2, SwitchAgreed(good)), now) == []
    assert dso.part(SwitchesKnown).of(f"ean.{MOVER}") == (SWITCH,)


def test_a_change_outlives_its_owners_key(tmp_path: Path) -> None:
    """Told again after the owner has gone over to another key, a recorded change still counts; so it does after a revocation."""
    made = ConnectionSwitch(f"ean.{MOVER}", f"{MOVER}.example", f"{NEW}.example", SECOND)
    for reason in ("", "its laptop was stolen"):
        market = begun(tmp_path / (reason or "rotated"))
        owner, dso, keeper, now = market.roles[MOVER].me, market.roles["dso"], market.roles["ledger"].me, market.start
        record = owner.record(RECORD_KIND, "k", made, now)
        if reason:
            change = revocation(keeper.domain, keeper.signer, owner.domain, owner.signer.public, reason, now)
        else:
            change = rotation(owner.domain, owner.signer, second_key(MOVER), now)
        dso.handle(Received("ledger", 1, KeyChanged(change)), now)
        assert dso.me.keys.get(owner.domain) != owner.signer.public
        effects = dso.handle(Received("iles", 1, SwitchAgreed(record)), now)
        assert not any(isinstance(told, RuleBroken) for told in said(effects))
        assert dso.part(SwitchesKnown).of(f"ean.{MOVER}") == (SWITCH,)
        stranger = Record(RECORD_KIND, "l", now, owner.domain, record.body).signed(owner.domain, second_key("home-a"))
        (told,) = said(dso.handle(Received("iles", 2, SwitchAgreed(stranger)), now))
        assert isinstance(told, RuleBroken)


def test_an_answer_is_the_operators(tmp_path: Path) -> None:
    """A refusal from anybody else leaves the request open, and one of no request is nothing."""
    market = begun(tmp_path)
    home, now = market.roles[MOVER], market.start
    (sent,) = home.handle(Received(MAILBOX, 1, AggregatorWanted("number-1", "x", NEW, SECOND)), now)
    assert isinstance(sent, Send)
    refused = SwitchRefused(sent.message.record.key, "no")
    assert home.handle(Received(NEW, 1, refused), now) == []
    assert home.part(SwitchAsking).state.asked == {sent.message.record.key: "number-1"}
    assert said(home.handle(Received("iles", 1, refused), now)) == [RequestAnswered("number-1", False, "no")]
    assert home.handle(Received("iles", 2, refused), now) == []


def test_points_are_those_where_there_are_members(tmp_path: Path) -> None:
    """A member that may come and has no day yet opens no congestion point; once one is agreed it does."""
    agreed: dict[str, tuple[ProviderSwitch, ...]] = {}
    members = (Member("home-a", "ean.home-a", POINT), Member(MOVER, f"ean.{MOVER}", "ean.elsewhere", days=()))
    role = begun(tmp_path).roles[NEW]
    given: AggregatorConfig = role.part(MemberChanges)._config
    config = replace(given, members=members).following(NEW, lambda at: agreed.get(at, ()))
    assert config.congestion_points == (POINT,)
    agreed[f"ean.{MOVER}"] = (SWITCH,)
    config.forget_points()
    assert config.congestion_points == (POINT, "ean.elsewhere")
    assert config.at("ean.elsewhere", SECOND) == (MOVER,)


def test_the_operators_pairs_follow(tmp_path: Path) -> None:
    """A seller that gains its first connection owes a prognosis from that day on."""
    agreed: dict[str, tuple[ProviderSwitch, ...]] = {}
    given: DsoConfig = begun(tmp_path).roles["dso"].part(PortfolioChanges)._config
    one = tuple(replace(c, switches=()) for c in given.connections if c.usage_point == f"ean.{MOVER}")
    config = replace(given, connections=one).following(lambda at: agreed.get(at, ()))
    assert [config.pairs(day) for day in (FIRST, SECOND)] == [((OLD, POINT),)] * 2
    agreed[f"ean.{MOVER}"] = (SWITCH,)
    config.forget_changes()
    assert [config.pairs(day) for day in (FIRST, SECOND)] == [((OLD, POINT),), ((NEW, POINT),)]


def test_who_lives_elsewhere_is_neither_left_nor_gone_to() -> None:
    """No message of a change comes there: its connections cannot change, and none can go to it."""
    planned = (ProviderSwitch(SECOND, "away"),)
    connections = (
        ServedConnection("ean.a", "home-a", OLD),
        ServedConnection("ean.b", "home-b", "away"),
        ServedConnection("ean.c", "home-c", OLD, planned),
    )
    config = IlesConfig("weather", HOMES, "ledger", "dso", connections=connections, aggregators=(OLD, NEW, "away"))
    here = config.without({"away"})
    assert [one.usage_point for one in here.connections] == ["ean.a"]
    assert here.aggregators == (OLD, NEW)
    assert config.without(()) == config
