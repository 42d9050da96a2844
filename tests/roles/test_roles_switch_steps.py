"""The steps of a change of aggregator one by one, and what becomes of them where something is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.roles.aggregator import AggregatorRole, Member
from agents.roles.aggregator.member_changes import MembersLeave
from agents.roles.aggregator.portfolio_registration import PortfolioRegistration
from agents.roles.contract_messages import TerminationGiven
from agents.roles.effects import Arm, Effect, Publish, Send
from agents.roles.events import Fired, Received, Started
from agents.roles.iles_manager import IlesConfig, IlesRole
from agents.roles.parts.contracts import Contracts, SeekContracts
from agents.roles.parts.register_keeping import moves_of
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.register_messages import AssetList, AssetQuery, RegisterEntry
from cim.codec.codec import decode
from cim.platform.publications.incidents import RuleBroken
from market.assets.publication import AssetPublication
from market.contracts.contract import FlexContract
from market.negotiation.messages import ContractProposal
from market.register.lifecycle import UnitEvent, UnitState
from market.register.providers import NOTICE_DAYS, ProviderSwitch, ServedDays
from market.register.units import CONGESTION_MANAGEMENT, RECORD_KIND, RegisteredUnit, UnitMove, UnitProduct
from market.uftp import (
    AgrPortfolioUpdate,
    AgrPortfolioUpdateResponse,
    Connection,
    FlexOrder,
    FlexSettlement,
    Metering,
    Result,
)
from tests.roles.test_roles_switch import DAYS, END, MOVER, NEW, OLD, SECOND, SWITCHES, records
from tests.worlds import players, terms
from tests.worlds.miniature import Miniature
from tests.worlds.players import AHEAD, DAY, FIRST, POINT
from tests.worlds.undisturbed import undisturbed

LAST = FIRST + timedelta(days=1)  # of farm-a with `agr`; farm-b comes to it with the day after
RULES = players.rules(days=4)
UNIT = UnitProduct("farm-b.pv", CONGESTION_MANAGEMENT)


def aggregator(notice_days: int = NOTICE_DAYS) -> AggregatorRole:
    """`farm-a` leaves it, and `farm-b` comes."""
    members = (
        Member("farm-a", "ean.farm-a", POINT, days=(ServedDays(None, LAST),)),
        Member("farm-b", "ean.farm-b", POINT, days=(ServedDays(LAST + timedelta(days=1), None),)),
    )
    return AggregatorRole("agr", RULES, players.key("agr"), terms.aggregator_config(members, notice_days=notice_days))


def sent(effects: list[Effect], kind: type) -> list[Any]:
    """The messages of a type among effects."""
    return [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, kind)]


def contracted(notice_days: int) -> tuple[AggregatorRole, FlexContract]:
    """With a year's contract of the leaving farm."""
    role = aggregator(notice_days)
    made = replace(players.agreement("farm-a", FIRST, FIRST + timedelta(days=365)), notice_days=notice_days)
    role.part(Contracts).agreed(made, AHEAD)
    return role, made


def switch_entry(until: datetime, provider: str = "agr.example") -> RegisterEntry:
    """What the register passes on: `farm-b` takes its unit to a provider."""
    move = UnitMove(UNIT, UnitEvent.SWITCH, AHEAD, provider=provider, until=until)
    return RegisterEntry(players.farm("farm-b").me.record(RECORD_KIND, "farm-b.example/switch", (move,), AHEAD))


@pytest.mark.parametrize(
    ("hours", "notice_days", "by"),
    [(-30, 1, "agr.example"), (-2, 1, ""), (-30, 0, "")],
    ids=["in time", "too late for a notice", "no right of notice"],
)
def test_a_leaving_member_s_contract_ends_with_its_last_day(hours: int, notice_days: int, by: str) -> None:
    """By notice where there is a right and time for it, else its consent is asked for; never beyond the last day."""
    role, made = contracted(notice_days)
    now = RULES.day(LAST).end + timedelta(hours=hours)
    effects = role.handle(Fired(MembersLeave(LAST)), now)
    (given,) = sent(effects, TerminationGiven)
    termination = decode(given.record.body)
    assert (termination.last_day, termination.by) == (LAST, by)
    ends = role.part(Contracts).with_peer("farm-a")[0].end_date
    assert ends == (LAST if by else made.end_date)
    (update,) = sent(effects, AgrPortfolioUpdate)
    assert [(c.entity_address, c.end_period) for c in update.connections] == [("ean.farm-a", LAST)]


def test_notice_is_given_once_and_two_days_before() -> None:
    """At the start it is set for 18:00 two days before; a recorded end is not given again."""
    role, _ = contracted(NOTICE_DAYS)
    armed = {e.timer: e.at for e in role.handle(Started(), AHEAD) if isinstance(e, Arm)}
    assert armed[MembersLeave(LAST)] == RULES.day(LAST).next(-1).at(18)
    at = armed[MembersLeave(LAST)]
    assert sent(role.handle(Fired(MembersLeave(LAST)), at), TerminationGiven)
    assert sent(role.handle(Fired(MembersLeave(LAST)), at + timedelta(hours=1)), TerminationGiven) == []


@pytest.mark.parametrize(
    ("at", "owners"),
    [
        (DAY.at(10), ["farm-a.example"]),  # farm-b is to come in two days: too early
        (DAY.next().at(7), ["farm-a.example"]),
        (DAY.next().at(8), ["farm-a.example", "farm-b.example"]),  # the eve
        (DAY.next(2).at(10), ["farm-b.example"]),
    ],
)
def test_contracts_are_sought_for_days_that_one_has(at: datetime, owners: list[str]) -> None:
    """With the one that leaves while it is there, with the one that comes from the eve on."""
    effects = aggregator().handle(Fired(SeekContracts()), at)
    assert [list(query.owners) for query in sent(effects, AssetQuery)] == ([owners] if owners else [])
    assert [e for e in effects if isinstance(e, Arm) and e.timer == SeekContracts()], "and it is looked at again"


def test_with_a_member_that_has_its_notice_nothing_is_agreed_beyond_its_last_day() -> None:
    """Before it, a whole term, since it is not known to leave; after it, to the last day; and once that is agreed, no more."""
    ends = []
    for at in (DAY.at(10), DAY.at(19)):
        role = aggregator()
        (proposal,) = sent(role.handle(Received("iles", 1, AssetList((offered("farm-a"),))), at), ContractProposal)
        ends.append(proposal.contract.end_date)
        assert proposal.contract.notice_days == NOTICE_DAYS
    assert ends == [FIRST + timedelta(days=role.part(PortfolioRegistration)._config.term_days), LAST]
    role.part(Contracts).agreed(players.agreement("farm-a", FIRST, LAST), AHEAD)
    assert sent(role.handle(Fired(SeekContracts()), DAY.at(19)), AssetQuery) == []


def test_a_member_to_come_is_offered_a_contract_from_its_first_day() -> None:
    """Not from the day on which it is negotiated."""
    effects = aggregator().handle(Received("iles", 1, AssetList((offered("farm-b"),))), DAY.next().at(8, 30))
    (proposal,) = sent(effects, ContractProposal)
    assert proposal.contract.start_date == LAST + timedelta(days=1)


def offered(name: str) -> RegisteredUnit:
    """A farm's plant as the register lists it."""
    asset = AssetPublication(f"{name}.pv", "pv", f"{name}.example", f"ean.{name}", POINT, 0, -9000, can_increase=True)
    return RegisteredUnit(asset, "agr.example", UnitState.PREQUALIFIED, POINT)


def test_a_unit_of_a_member_to_come_is_taken_over() -> None:
    """Signed for the register; and its contract is sought at once."""
    until = RULES.day(LAST).end
    effects = aggregator().handle(Received("iles", 1, switch_entry(until)), until - timedelta(hours=16))
    (entry,) = sent(effects, RegisterEntry)
    (move,) = moves_of(entry.record)
    assert (move.key, move.event, entry.record.author) == (UNIT, UnitEvent.TAKE_OVER, "agr.example")
    assert [e for e in effects if isinstance(e, Arm) and e.timer == SeekContracts()]


def test_a_unit_of_nobody_s_member_is_not_taken_over() -> None:
    """Whose day with the new provider is not planned so is refused, and told why."""
    until = RULES.day(LAST).start  # a day too early
    (entry,) = sent(aggregator().handle(Received("iles", 1, switch_entry(until)), AHEAD), RegisterEntry)
    (move,) = moves_of(entry.record)
    assert move.event is UnitEvent.TAKE_OVER_REFUSED
    assert "farm-b.example is no member of agr.example then" in move.reason


def test_a_switch_to_another_or_by_another_is_not_answered() -> None:
    """Only what the register passes on counts, and only what names this provider."""
    until = RULES.day(LAST).end
    role = aggregator()
    assert sent(role.handle(Received("iles", 1, switch_entry(until, "agr-2.example")), AHEAD), RegisterEntry) == []
    effects = role.handle(Received("farm-b", 1, switch_entry(until)), AHEAD)
    assert sent(effects, RegisterEntry) == []
    assert [e for e in effects if isinstance(e, Publish) and isinstance(e.publication, RuleBroken)]


def test_the_common_reference_takes_over_only_after_the_last_day() -> None:
    """A connection that another serves is refused, until that one has told its last day and the new term begins after it."""
    role = IlesRole("iles", RULES, players.key("iles"), IlesConfig("weather", players.FARMS, "ledger", "dso"))

    def told(name: str, **term: Any) -> AgrPortfolioUpdateResponse:
        me = AggregatorRole(name, RULES, players.key(name), terms.aggregator_config(())).me
        header = me.header("iles", AHEAD, None, "AGRPortfolioUpdate", name, str(sorted(term.items())))
        update = AgrPortfolioUpdate(header, (Connection("ean.farm-a", **term),), RULES.timezone)
        (answer,) = sent(role.handle(Received(name, 1, update), AHEAD), AgrPortfolioUpdateResponse)
        return answer

    after = LAST + timedelta(days=1)
    assert told("agr", start_period=FIRST).result is Result.ACCEPTED
    refused = told("agr-2", start_period=after)
    assert refused.result is Result.REJECTED
    assert refused.rejection_reason == "Connection: ean.farm-a is served by agr.example"
    assert told("agr", start_period=FIRST, end_period=LAST).result is Result.ACCEPTED
    assert told("agr-2", start_period=LAST).result is Result.REJECTED
    assert told("agr-2", start_period=after).result is Result.ACCEPTED


def test_who_begins_again_after_a_switch_tells_the_common_reference_since_when() -> None:
    """So that what it told at the midnight, and was lost, is still a term after the former one's; who has left is not told."""
    (update,) = sent(aggregator().handle(Started(), DAY.next(2).at(1)), AgrPortfolioUpdate)
    assert [(c.entity_address, c.start_period) for c in update.connections] == [
        ("ean.farm-b", LAST + timedelta(days=1))
    ]
    (update,) = sent(aggregator().handle(Started(), DAY.at(1)), AgrPortfolioUpdate)
    assert [(c.entity_address, c.start_period) for c in update.connections] == [("ean.farm-a", FIRST)]


@pytest.mark.slow
def test_a_home_without_contracts_goes_over_all_the_same(tmp_path: Path) -> None:
    """No proposal ever reaches it: forecasts and meter data go to each day's aggregator, and nothing is to be ended or paid."""

    def unheard(_: str, to: str, message: Any) -> Any:
        return None if to == MOVER and isinstance(message, ContractProposal) else message

    market = Miniature(tmp_path / "ledger.db", days=2, switches=SWITCHES, spoil=unheard)
    market.play(END)
    market.ledger.close()
    assert market.told(RuleBroken) == []
    metered = {(to, m.period) for s, to, m in market.sent if s == MOVER and isinstance(m, Metering) and to != "dso"}
    assert metered == {(OLD, FIRST), (NEW, SECOND)}
    known = records(market)
    assert not [key for key in known if key[0] == "contract-termination"]
    domains = {body.header.recipient_domain for (kind, _), body in known.items() if kind == "flex-settlement"}
    assert f"{MOVER}.example" not in domains
    dso = [m for m in market.said(FlexSettlement) if m.header.sender_domain == "dso.example"]
    assert {m.period_start for m in dso} == set(DAYS)


@pytest.mark.slow
def test_a_late_settlement_belongs_to_who_had_the_day(tmp_path: Path) -> None:
    """The old one's books of its last day come a day late: the home takes them from it, and not as the new one's."""
    kept: list[FlexSettlement] = []

    def late(sender: str, to: str, message: Any) -> Any:
        if sender == OLD and to == MOVER and isinstance(message, FlexSettlement):
            kept.append(message)
            return None
        return message

    market = undisturbed(DAY.end, tmp_path / "ledger.db", days=2, switches=SWITCHES)
    market.spoil = late
    market.go_on(END)
    (settlement,) = kept
    assert settlement.period_start == FIRST
    market.hear(NEW, MOVER, 9_999, settlement, END)
    assert not [m for s, to, m in market.sent if s == MOVER and _answers(m, settlement)]
    market.hear(OLD, MOVER, 9_999, settlement, END)
    market.ledger.close()
    assert {to for s, to, m in market.sent if s == MOVER and _answers(m, settlement)} == {OLD}
    ((_, paid),) = [
        item
        for item in records(market).items()
        if item[0][0] == "remuneration" and str(FIRST) in item[0][1] and f"/{MOVER}" in item[0][1]
        and "make-whole" not in item[0][1]
    ]  # fmt: skip
    assert {payment.payer for payment in paid} | {payment.payee for payment in paid} == {
        f"{OLD}.example",
        f"{MOVER}.example",
    }


def _answers(message: Any, settlement: FlexSettlement) -> bool:
    return getattr(message, "flex_settlement_message_id", None) == settlement.header.message_id


@pytest.mark.slow
def test_orders_that_run_to_midnight_are_the_old_one_s(tmp_path: Path) -> None:
    """What the old one ordered for its last day holds to that day's end; the new one's orders hold from the day on."""
    market = undisturbed(END, tmp_path / "ledger.db", days=2, switches=SWITCHES)
    held = market.roles[MOVER].part(HeldOrders)
    by_day = {day: {o.header.sender_domain for o in held.state.received.values() if o.period == day} for day in DAYS}
    assert by_day == {FIRST: {f"{OLD}.example"}, SECOND: {f"{NEW}.example"}}
    foreign = FlexOrder(
        market.roles[OLD].me.header(MOVER, END, None, "FlexOrder", "late"), SECOND, POINT, "late", 0, "EUR", (),
        market.rules.timezone,
    )  # fmt: skip
    before = len(market.sent)
    market.hear(OLD, MOVER, 9_998, foreign, DAY.next().at(9))
    market.ledger.close()
    assert len(market.sent) == before, "an order of a day that is not its own is not even answered"


def test_a_run_that_begins_after_the_switch_begins_with_the_new_one(tmp_path: Path) -> None:
    """The day of the switch is the first: nothing is asked for in the register but the new one's application."""
    market = Miniature(tmp_path / "ledger.db", switches={MOVER: (ProviderSwitch(FIRST, NEW),)})
    market.play(DAY.at(1))
    market.ledger.close()
    moves = [
        (move.event, move.provider)
        for (kind, _), body in records(market).items()
        if kind == RECORD_KIND
        for move in body
        if move.key.unit == f"{MOVER}.pv"
    ]
    assert moves[0] == (UnitEvent.APPLICATION, f"{NEW}.example")
    assert [event for event, _ in moves] == [UnitEvent.APPLICATION, UnitEvent.PREQUALIFICATION]
    assert market.roles[MOVER].part(Contracts).contract_on(NEW, FIRST) is not None
    assert market.told(RuleBroken) == []
