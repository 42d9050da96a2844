"""An offer's steps: the cheapest members first; what is ordered of a step is what its members are asked for."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agents.roles.aggregator.merit_order import LEVELS_PCT, merit_steps, with_shares
from agents.roles.aggregator.vpp_session import SplitPurpose, VppSession
from market.settlement.elements import volume_amount
from market.uftp import IspPower
from tests.worlds.players import FIRST, POINT


def split(kw: dict[str, float], price_e4: dict[str, int], whole: tuple[str, ...] = ()) -> VppSession:
    """A split over two ISPs in which each member gives the same power in both, at its price per kWh."""
    return VppSession(
        identity="s-1",
        opened_at=datetime(2016, 6, 14, tzinfo=UTC),
        purpose=SplitPurpose.OFFER,
        reference="r-1",
        congestion_point=POINT,
        period=FIRST,
        first_isp=45,
        last_isp=46,
        first_share=1.0,
        low_kw=np.full(2, 10.0),
        high_kw=np.full(2, 10.0),
        waiting=(),
        profiles_kw={name: np.full(2, power) for name, power in kw.items()},
        elements={name: (f"{name}.pv",) for name in kw},
        baselines_w={},
        asked_e4_per_kwh=dict(price_e4),
        whole_elements=tuple(f"{name}.pv" for name in whole),
    )


def asked_e4(session: VppSession, isps: tuple[IspPower, ...]) -> int:
    """What the members of a split ask for their parts."""
    prices = session.asked_e4_per_kwh
    return sum(volume_amount(session.member_isps(name, isps), prices[name] or 0, 15) for name in session.covered)


def rows(kw: dict[str, float]) -> tuple[IspPower, ...]:
    """What the whole split gives."""
    return tuple(IspPower(isp, round(sum(kw.values()) * 1000)) for isp in (45, 46))


def test_the_cheapest_members_come_first() -> None:
    """6 kW at 4 ct and 4 kW at 9 ct: a quarter and half are of the cheap one alone, the rest takes the dear one too."""
    kw = {"a": 4.0, "b": 6.0}
    steps = merit_steps(split(kw, {"a": 900, "b": 400}), rows(kw), asked_e4)
    assert {level: step.shares_pct for level, step in steps.items()} == {
        25: {"b": 42},
        50: {"b": 84},
        75: {"b": 100, "a": 38},
        100: {"a": 100, "b": 100},
    }
    prices = [asked_e4(step, rows(kw)) for step in steps.values()]
    assert prices == sorted(prices)


def test_a_member_that_does_not_move_by_degrees_is_whole_or_not_in_it() -> None:
    """An appliance of 5 kW is no 50 %."""
    kw = {"a": 5.0, "b": 5.0}
    steps = merit_steps(split(kw, {"a": 400, "b": 900}, whole=("a",)), rows(kw), asked_e4)
    assert steps[25].shares_pct == {"a": 100}
    assert 50 not in steps  # it would say the same again


def test_who_would_lose_is_in_no_step() -> None:
    """A member whose contract does not cover its costs."""
    session = split({"a": 5.0, "b": 5.0}, {"a": 400, "b": 900})
    session.asked_e4_per_kwh["b"] = None  # type: ignore[assignment]
    steps = merit_steps(session, rows({"a": 5.0}), asked_e4)
    assert {name for step in steps.values() for name in step.shares_pct or ()} == {"a"}


def test_a_member_is_asked_for_its_share_of_the_factor() -> None:
    """Half of a step in which it gives 40 %: a fifth of its answer; without steps the factor alone."""
    session = with_shares(split({"a": 10.0}, {"a": 400}), {"a": 40})
    assert session.member_factor_pct("a", 50) == 20
    assert session.member_w("a", 50) == [2000, 2000]
    assert split({"a": 10.0}, {"a": 400}).member_factor_pct("a", 50) == 50


@given(st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.floats(0.1, 50), st.integers(0, 2000)), min_size=1))
def test_each_step_gives_what_it_says_for_no_more_than_its_part_of_all(members: dict[str, tuple[float, int]]) -> None:
    """At least its level of the energy; at an average price that only rises from step to step."""
    kw = {name: power for name, (power, _) in members.items()}
    session = split(kw, {name: price for name, (_, price) in members.items()})
    whole_wh, before = sum(kw.values()) * 1000 / 2, 0.0
    for level, step in merit_steps(session, rows(kw), asked_e4).items():
        assert level in LEVELS_PCT
        energy_wh = sum(abs(w) for name in step.covered for w in step.member_w(name)) / 4
        assert energy_wh >= level / 100 * whole_wh - 5
        average = asked_e4(step, rows(kw)) / energy_wh
        assert average >= before - 0.02
        before = average
