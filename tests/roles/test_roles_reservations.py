"""The DSO gives back the evening before what it will not need; the aggregator takes no more and no less than a reduction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from agents.roles.dso import DsoRole
from agents.roles.dso.config import OptionRelease
from agents.roles.dso.reservation_release import ReleaseReservations, ReservationRelease
from agents.roles.dso.trading_round import PointAnalysed
from agents.roles.effects import Arm, Publish
from agents.roles.events import Fired, Recalled
from agents.roles.messages import Filed
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.operated_days import DayNear
from agents.roles.parts.reservations import RECORD, Reservations
from agents.roles.parts.settlement_as_seller import SettlementAnswered
from agents.roles.role import Role
from cim.platform.publications.trading import ReservationUpdated
from market.contracts.contract import PORTFOLIO, BaselineKind, FlexContract, FlexElement
from market.contracts.templates import from_template
from market.uftp import (
    ContractSettlement,
    ContractSettlementIsp,
    FlexReservationUpdate,
    FlexReservationUpdateResponse,
    FlexSettlement,
    IspPower,
    Result,
)
from tests.roles.test_roles_dso import hear, of
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, FIRST, POINT, UPPER, dso

EVENING = DAY.next(-1).at(18)


def option(**changes: Any) -> FlexContract:
    """The DSO's option on the aggregator's two portfolios: 3 kW at one point, 6 kW at the other, from 10:00 to 15:00."""
    elements = tuple(
        FlexElement(point, PORTFOLIO, size, -size, BaselineKind.ELEMENTS)
        for point, size in ((POINT, 10_000), (UPPER, 20_000))
    )
    return replace(
        from_template(
            "dso-flexoption", contract_id="option", buyer="dso.example", seller="agr.example", start_date=FIRST,
            end_date=FIRST, timezone="Europe/Vienna", flex_elements=elements, amount_up_w=9_000, amount_down_w=0,
            start_minute=600, end_minute=900,
        ),
        **changes,
    )  # fmt: skip


def with_option(role: Any, peer: str) -> Any:
    """The role holds the option with its peer."""
    role.part(Contracts).state.contracts[peer] = (option(),)
    return role


def buyer(*busy: str) -> DsoRole:
    """A DSO that has analysed tomorrow: 30 % loaded everywhere, but `busy` points too much in ISP 50, from 12:15 on."""
    role: DsoRole = with_option(dso(), "agr")
    release = role.part(ReservationRelease)._config.option.release
    assert release is not None
    for point in (POINT, UPPER):
        loading = [30.0] * 96
        loading[49] = release.below_pct if point in busy else 30.0
        role.part(ReservationRelease).analysed(PointAnalysed(FIRST, point, (0.0,) * 96, tuple(loading)), AHEAD)
    return role


def released(role: DsoRole, now: datetime = EVENING) -> list[FlexReservationUpdate]:
    """What the DSO gives back when the hour has come."""
    return of(role.handle(Fired(ReleaseReservations(FIRST)), now), FlexReservationUpdate)


def seller() -> Any:
    """An aggregator that holds the option."""
    return with_option(players.aggregator(), "dso")


def taken(role: Role, update: FlexReservationUpdate, now: datetime = EVENING) -> FlexReservationUpdateResponse:
    """What the aggregator answers."""
    (answer,) = of(hear(role, "dso", update, now), FlexReservationUpdateResponse)  # type: ignore[arg-type]
    found: FlexReservationUpdateResponse = answer
    return found


def test_what_is_far_from_every_limit_is_given_back() -> None:
    """In the option's hours, at each point, but where that point or one above it is loaded more."""
    assert [(u.congestion_point, [row.start for row in u.isps]) for u in released(buyer())] == [
        (POINT, list(range(41, 61))), (UPPER, list(range(41, 61))),
    ]  # fmt: skip
    for busy, at_point, at_upper in ((POINT, False, True), (UPPER, False, False)):
        found = {u.congestion_point: {row.start for row in u.isps} for u in released(buyer(busy))}
        assert (50 in found[POINT], 50 in found[UPPER]) == (at_point, at_upper)


def test_nothing_is_given_back_that_was_not_looked_at_or_is_needed() -> None:
    """Without an analysis; and where flexibility is needed, however little is loaded."""
    assert released(with_option(dso(), "agr")) == []
    role = buyer()
    need = tuple(500.0 if isp == 50 else 0.0 for isp in range(1, 97))
    role.part(ReservationRelease).analysed(PointAnalysed(FIRST, UPPER, need, (30.0,) * 96), AHEAD)
    assert all(row.start != 50 for update in released(role) for row in update.isps)


@pytest.mark.parametrize(("release", "now", "armed"), [
    (OptionRelease(18, 50), AHEAD, True),
    (OptionRelease(18, 50), EVENING + timedelta(seconds=1), False),
    (None, AHEAD, False),
])  # fmt: skip
def test_the_hour_is_the_sites(release: OptionRelease | None, now: datetime, armed: bool) -> None:
    """The evening before; not once it is past, and not where the site gives nothing back."""
    role = dso()
    part = role.part(ReservationRelease)
    part._config = replace(part._config, option=replace(part._config.option, release=release))
    arms = [e for e in part.day_near(DayNear(DAY), now) if isinstance(e, Arm)]
    assert [(arm.timer, arm.at) for arm in arms] == ([(ReleaseReservations(FIRST), EVENING)] if armed else [])


def test_an_update_counts_for_both_sides_once_it_is_taken() -> None:
    """Before the answer everything stays reserved with the DSO; after it both hold the same, recorded and published."""
    dso_role, agr = buyer(UPPER), seller()
    updates = released(dso_role)
    held = dso_role.part(Reservations)
    assert held.reserved_w(option(), FIRST)[45] == 9_000
    for update in updates:
        answer = taken(agr, update)
        assert answer.result is Result.ACCEPTED
        effects = hear(dso_role, "agr", answer, EVENING)
        (filed,) = of(effects, Filed)
        assert [record.kind for record in filed.records] == [RECORD]
        assert [type(e.publication) for e in effects if isinstance(e, Publish)] == [ReservationUpdated]
    for part in (held, agr.part(Reservations)):
        reserved = part.reserved_w(option(), FIRST)
        assert {isp for isp, watts in reserved.items() if watts} == {50}
        assert reserved[50] == 9_000


def test_a_refused_update_changes_nothing() -> None:
    """Everything stays reserved; an answer nobody waits for is told."""
    role = buyer()
    update = released(role)[0]
    answer = replace(taken(seller(), update), result=Result.REJECTED, rejection_reason="no")
    assert of(hear(role, "agr-2", answer, EVENING), Filed) == []
    assert of(hear(role, "agr", answer, EVENING), Filed) == []
    assert role.part(Reservations).reserved_w(option(), FIRST)[45] == 9_000
    assert of(hear(role, "agr", answer, EVENING), Publish)


@pytest.mark.parametrize(
    ("changes", "now", "why"),
    [
        ({"isps": (IspPower(45, 3_001),)}, EVENING, "can only be reduced"),
        ({"contract_id": "another"}, EVENING, "ContractID: another is not in force"),
        ({"congestion_point": "ea1.2026-01.example:else"}, EVENING, "is not covered"),
        ({"period": FIRST + timedelta(days=1)}, EVENING, "is not in force"),
        ({"isps": (IspPower(97, 0),)}, EVENING, "ISP"),
        ({"timezone": "Europe/Madrid"}, EVENING, "TimeZone"),
        ({}, DAY.start, "expected an update before its day"),
    ],
)
def test_the_aggregator_refuses_what_is_no_reduction_before_the_day(
    changes: dict[str, Any], now: datetime, why: str
) -> None:
    """With the reason, and everything stays reserved."""
    agr, update = seller(), released(buyer())[0]
    answer = taken(agr, replace(update, **changes), now)
    assert answer.result is Result.REJECTED
    assert why in (answer.rejection_reason or "")
    assert agr.part(Reservations).state.kept_w == {}


def test_only_the_dso_gives_back() -> None:
    """Anybody else is not even answered."""
    agr, update = seller(), released(buyer())[0]
    assert hear(agr, "farm-a", update, EVENING) == []


def test_a_settlement_by_another_reservation_is_told() -> None:
    """The first ISP that differs, with both values; what fits is quiet."""
    agr = seller()
    taken(agr, released(buyer())[0])
    ours = agr.part(Reservations).reserved_w(option(), FIRST)
    for change, quiet in ((0, True), (1, False)):
        rows = tuple(ContractSettlementIsp(isp, watts + change, 0, 0, 0, 0) for isp, watts in ours.items())
        header = dso().me.header("agr", DAY.end, None, "FlexSettlement")
        told = FlexSettlement(header, FIRST, FIRST, "EUR", (), (ContractSettlement("option", FIRST, rows),))
        effects = agr._emit(SettlementAnswered(told), DAY.end)
        reasons = [e.publication.reason for e in effects if isinstance(e, Publish)]
        assert reasons == ([] if quiet else ["ISP 1: reserved ours 0 W, yours 1 W"])


def test_what_was_given_back_is_rebuilt_from_the_ledger_and_forgotten_with_its_day() -> None:
    """By either side; before its first day nothing is rebuilt twice."""
    update = released(buyer())[0]
    record = dso().me.record(RECORD, update.reference, update, EVENING)
    for role in (dso(), players.aggregator()):
        role.handle(Recalled((record,), (), AHEAD, EVENING), EVENING)
        part = role.part(Reservations)
        assert part.reserved_w(option(), FIRST)[45] == 6_000
        part.prune(FIRST + timedelta(days=1))
        assert part.state.kept_w == {}
