"""A shortfall of the running ISP waits for its members, and is split once more where nobody gives without a loss."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from agents.planning.dispatch.session import SplitState
from agents.roles.aggregator.correction import Correction
from agents.roles.aggregator.flex_trading import FlexOfferExpires
from agents.roles.aggregator.order_records import MemberOrdersFiling
from agents.roles.aggregator.prognosis_sums import PrognosesSent, PrognosisSums
from agents.roles.aggregator.promises import OrderTaken, Promises
from agents.roles.aggregator.vpp_session import PointDay, SplitConcluded, SplitPurpose, VppSession
from agents.roles.aggregator.vpp_sessions import VppSessions
from agents.roles.messages import Filed, MeterUpdate, Receipt, VppInvitation
from agents.roles.parts.contracts import Contracts
from cim.model.intervals import LocalDay
from market.uftp import DPrognosis, FlexOffer, FlexOrder, IspPower
from tests.worlds.players import (
    AHEAD,
    DAY,
    FARMS,
    FIRST,
    POINT,
    RULES,
    Pump,
    aggregator,
    agreement,
    dso,
    market_of_farms,
    request,
)

BEGUN = DAY.isp_start(45)
INTERVAL = timedelta(minutes=5)


def ordered(offer: FlexOffer) -> FlexOrder:
    """The DSO's order of the whole of an offer."""
    option = offer.options[-1]
    price, isps = option.activated(100)
    return FlexOrder(
        dso().me.header("agr", AHEAD, None, "FlexOrder"),
        offer.period, offer.congestion_point, "o-1", price, "EUR", isps, RULES.timezone, 15,
        offer.header.message_id, option.option_reference, 100, None, offer.d_prognosis_message_id,
    )  # fmt: skip


def promised() -> Pump:
    """The farms' aggregator owes the DSO 6 to 7 kW in ISPs 45 to 48, and has ordered its members."""
    pump = market_of_farms()
    pump.tell("agr", "dso", request(), AHEAD)
    pump.tell("agr", "dso", ordered(pump.said(FlexOffer)[-1]), AHEAD)
    recorded(pump)
    return pump


def recorded(pump: Pump) -> None:
    """The ledger takes what was filed for the members."""
    for filed in pump.said(Filed, sender="agr"):
        if isinstance(filed.reference, MemberOrdersFiling):
            pump.tell("agr", "ledger", Receipt(filed.reference, None), AHEAD)


def second_offer(pump: Pump, first: int) -> FlexOffer:
    """In the running ISP the DSO asks for two others, and holds the members until it decides."""
    asked = request(first=first, last=first + 1)
    header = replace(asked.header, message_id="second")
    pump.tell("agr", "dso", replace(asked, header=header, expiration=DAY.at(12)), BEGUN)
    offer: FlexOffer = pump.said(FlexOffer)[-1]
    assert offer.flex_request_message_id == "second"
    return offer


def metered(pump: Pump) -> None:
    """The first five minutes of ISP 45: both farms gave all that they could."""
    for name in FARMS:
        pump.tell("agr", name, MeterUpdate(f"ean.{name}", BEGUN, BEGUN + INTERVAL, -8000), BEGUN + INTERVAL)


def corrections(pump: Pump) -> set[str]:
    """Sessions to which members were invited for the running ISP."""
    return {m.session for m in pump.said(VppInvitation) if m.first_isp == 45 and m.first_share < 1}


def test_what_falls_short_while_an_offer_holds_the_members_is_corrected_when_it_ends() -> None:
    """At 11:05 nothing can be split, as an offer waits for the DSO; when it expires at 11:06 the members are asked."""
    pump = promised()
    offer = second_offer(pump, 60)
    metered(pump)
    assert corrections(pump) == set()
    pump.fire("agr", FlexOfferExpires(offer.header.message_id), BEGUN + INTERVAL + timedelta(minutes=1))
    assert len(corrections(pump)) == 1
    assert pump.roles["agr"].part(Correction).state.due == {}


def test_what_waited_too_long_is_corrected_no_more() -> None:
    """When the offer ends with two minutes of the ISP to come, nothing sensible can be moved."""
    pump = promised()
    offer = second_offer(pump, 60)
    metered(pump)
    pump.fire("agr", FlexOfferExpires(offer.header.message_id), BEGUN + 2.6 * INTERVAL)
    assert corrections(pump) == set()
    assert pump.roles["agr"].part(Correction).state.due == {}


def test_an_interval_before_an_order_of_the_running_isp_is_not_held_against_it() -> None:
    """The offer that holds the members is about the running ISP itself and is ordered: what was metered before says nothing."""
    pump = promised()
    offer = second_offer(pump, 45)
    metered(pump)
    pump.tell("agr", "dso", replace(ordered(offer), order_reference="o-2"), BEGUN + INTERVAL)
    recorded(pump)
    assert corrections(pump) == set()
    assert pump.roles["agr"].part(Correction).state.due == {}


def hold(asked: tuple[int | None, int | None], isps: int, up_kw: float) -> VppSession:
    """A concluded correction from ISP 45 on: 4 kW are missing in the first of its ISPs, each farm gives `up_kw`."""
    low = np.zeros(isps)
    low[0] = 4.0
    profile = np.zeros(isps)
    profile[0] = up_kw
    names = dict(zip(FARMS, asked, strict=True))
    return VppSession(
        "s-1", BEGUN, SplitPurpose.HOLD, "11:05", POINT, FIRST, 45, 44 + isps, 2 / 3, low, np.full(isps, 1e6), (),
        dict.fromkeys(FARMS, profile), {name: (f"{name}.pv",) for name in FARMS},
        {f"{name}.pv": (-8000,) * isps for name in FARMS}, names, state=SplitState.CONCLUDED,
    )  # fmt: skip


def split_again(session: VppSession) -> list[VppSession]:
    """What waits for the members when that correction is concluded."""
    role = aggregator()
    header = replace(dso().me.header("agr", AHEAD, None, "x"), sender_domain="agr.example")
    told = DPrognosis(header, FIRST, POINT, 1, (-16_000,) * DAY.count, RULES.timezone)
    order = replace(ordered_isp(DAY), d_prognosis_message_id=header.message_id)
    role.part(Promises).taken(OrderTaken(order, told), AHEAD)
    sessions = role.part(VppSessions)
    sessions.state.sessions[session.identity] = session
    role.part(Correction).concluded(SplitConcluded(session), BEGUN + INTERVAL)
    return list(sessions.state.queue)


def ordered_isp(day: LocalDay) -> FlexOrder:
    """6 kW of ISPs 45 to 52."""
    isps = tuple(IspPower(isp, 6000) for isp in range(45, 53))
    header = dso().me.header("agr", AHEAD, None, "FlexOrder")
    return FlexOrder(header, day.day, POINT, "o-1", 100, "EUR", isps, RULES.timezone, 15)


@pytest.mark.parametrize(("asked", "missing_kw"), [((None, None), 4.0), ((1100, None), 2.0)])
def test_what_nobody_gives_without_a_loss_is_split_over_what_is_missing_alone(
    asked: tuple[int | None, int | None], missing_kw: float
) -> None:
    """4 kW of the running ISP: of what a farm would lose by, there is a second split that no later ISP is part of."""
    (again,) = split_again(hold(asked, 8, 2.0))
    assert (again.first_isp, again.last_isp, again.first_share) == (45, 45, 2 / 3)
    assert again.low_kw.tolist() == [missing_kw]
    assert again.identity != "s-1"


@pytest.mark.parametrize(
    ("asked", "isps", "up_kw"),
    [((1100, 1100), 8, 2.0), ((None, None), 1, 2.0), ((1100, None), 8, 3.8)],
    ids=["nobody loses", "no ISP is left to leave out", "what is left is within the tolerance"],
)
def test_a_correction_is_split_again_only_where_that_can_help(
    asked: tuple[int | None, int | None], isps: int, up_kw: float
) -> None:
    """Where all is given, where the ISPs are those already, or where little is missing, one split is all."""
    assert split_again(hold(asked, isps, up_kw)) == []


def short_by(kw: dict[int, float], penalty_e4_per_kwh: int | None = None) -> list[VppSession]:
    """The corrections of 6 kW ordered of ISPs 45 to 52 for 24 ct, where a new prognosis misses so much of some ISPs."""
    role = aggregator()
    if penalty_e4_per_kwh is not None:
        contract = replace(agreement("farm-a"), seller="agr.example", buyer="dso.example")
        role.part(Contracts).agreed(replace(contract, penalty_e4_per_kwh=penalty_e4_per_kwh), AHEAD)
    header = replace(dso().me.header("agr", AHEAD, None, "x"), sender_domain="agr.example")
    told = DPrognosis(header, FIRST, POINT, 1, (-16_000,) * DAY.count, RULES.timezone)
    role.part(Promises).taken(OrderTaken(replace(ordered_isp(DAY), price=12_000), told), AHEAD)
    newest = [-10_000 if isp in range(45, 53) else -16_000 for isp in range(1, DAY.count + 1)]
    for isp, missing in kw.items():
        newest[isp - 1] -= round(missing * 1000)
    role.part(PrognosisSums).state.newest[PointDay(POINT, FIRST)] = replace(told, power_w=tuple(newest))
    role.part(Correction).foresee(PrognosesSent(FIRST), DAY.isp_start(44) + INTERVAL)
    return list(role.part(VppSessions).state.queue)


def test_what_a_prognosis_misses_is_corrected_in_the_next_isp_alone() -> None:
    """4 kW short from ISP 45 to 52 by an hourly forecast: ISP 45 is corrected, the meter will tell of the others in time."""
    (session,) = short_by(dict.fromkeys(range(45, 53), 4.0))
    assert session.first_isp == 45
    assert [low for low in session.low_kw.tolist() if low > 0] == [4.0]
    assert short_by({46: 4.0}) == []


@pytest.mark.parametrize(("missing_kw", "held"), [(17.0, True), (19.0, False)])
def test_a_correction_that_costs_more_than_its_fine_is_not_made(missing_kw: float, held: bool) -> None:
    """Members at 10 ct, 30 ct of fine, 6 kW ordered: up to 18 kW are given; what is beyond would cost more than the fine for 6."""
    assert bool(short_by({45: missing_kw}, 3000)) is held
    assert short_by({45: missing_kw}), "without a contract nothing is fined: it is kept for its own sake"
