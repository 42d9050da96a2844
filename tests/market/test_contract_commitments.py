"""Nothing is sold twice: over all contracts and levels the sum stays within each asset's envelope in every ISP."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.assets.capability import OfferedTimes, PowerBand
from market.assets.publication import AssetPublication
from market.contracts.commitments import (
    asset_stock,
    bought_stock,
    oversold,
    oversold_element,
    reserved_w,
)
from market.contracts.contract import FlexContract, FlexElement
from market.contracts.templates import from_template

FIRST = date(2026, 5, 20)
ASSET = AssetPublication("bess", "battery", "care.example", "AT001", "ea1.2026-01.example:mv", 6000, -4000)


def sold(
    buyer: str = "agr.example", up_w: int = 10_000, down_w: int = -10_000, start: int = 0, **more: object
) -> FlexContract:
    """A contract of the battery's owner with a buyer."""
    elements = (FlexElement("bess", "battery", 10_000, -10_000),)
    made = from_template(
        "household-daily", contract_id=f"{buyer} {start}", buyer=buyer, seller="care.example",
        start_date=FIRST + timedelta(days=start), end_date=FIRST + timedelta(days=start + 9),
        timezone="Europe/Vienna", flex_elements=elements, amount_up_w=up_w, amount_down_w=down_w,
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def test_one_contract_may_reserve_the_whole_swing_and_a_second_buyer_nothing_more() -> None:
    """From full feed-in to full consumption: 10 kW; the reason says when, how much, and what there is."""
    assert oversold_element([sold()], [ASSET]) is None
    both = [sold(up_w=6000), sold("other.example", up_w=4001)]
    assert oversold_element(both, [ASSET]) == (
        "sold twice: 10001 W of bess are reserved at 2026-05-20 00:00-00:15; there are 10000 W"
    )
    assert (
        oversold_element([sold(up_w=6000, down_w=-6000), sold("other.example", up_w=4000, down_w=-4000)], [ASSET])
        is None
    )


@pytest.mark.parametrize(
    "apart",
    [
        {"start_date": FIRST + timedelta(days=10), "end_date": FIRST + timedelta(days=12)},
        {"start_minute": 720},
        {"days_of_week": (6, 7)},
    ],
)
def test_contracts_at_different_times_do_not_add_up(apart: dict[str, object]) -> None:
    """Another term, other hours, other days: the whole swing twice; where they meet it is sold twice."""
    first = sold(end_minute=720, days_of_week=(1, 2, 3, 4, 5))
    other = replace(sold("other.example", days_of_week=(1, 2, 3, 4, 5), end_minute=720), end_minute=1440)
    assert oversold_element([first, other], [ASSET]) is not None
    assert oversold_element([first, replace(other, **apart)], [ASSET]) is None  # type: ignore[arg-type]


def test_the_same_buyers_next_contract_takes_the_place_of_the_one_before() -> None:
    """Renewed or agreed anew: of two for one day the one agreed last counts, so nothing is sold twice."""
    assert oversold_element([sold(), sold(start=5)], [ASSET]) is None


def test_a_framework_reserves_nothing() -> None:
    """It may cover all that is reserved elsewhere: what is called under it is bounded call by call."""
    framework = replace(sold("dso.example"), reserved=False, capacity_price_e4_per_kw_day=0)
    assert oversold_element([sold(), framework], [ASSET]) is None


def test_an_envelope_and_offered_times_bound_what_there_is() -> None:
    """At night only half of it, at weekends nothing: a contract over both is too much there, and says where."""
    night = replace(ASSET, envelope=(PowerBand(0, 360, -2000, 3000),))
    assert oversold_element([sold()], [night]) == (
        "sold twice: 10000 W of bess are reserved at 2026-05-20 00:00-00:15; there are 5000 W"
    )
    assert oversold_element([sold(start_minute=360)], [night]) is None
    weekdays = replace(ASSET, offered=(OfferedTimes((1, 2, 3, 4, 5), 0, 1440),))
    assert "2026-05-23 00:00" in (oversold_element([sold()], [weekdays]) or "")  # a Saturday
    assert oversold_element([sold(days_of_week=(1, 2, 3, 4, 5))], [weekdays]) is None


def test_what_an_aggregator_reserves_for_dsos_lies_within_what_it_has_bought() -> None:
    """Two members' 10 kW: options of 20 kW in sum, and no watt more; none where no member's contract is in force."""
    members = [sold(), replace(sold(), seller="farm.example", contract_id="farm")]
    stock = bought_stock(members)
    option = replace(sold("dso.example", 9000, 0), seller="agr.example", contract_id="o-1",
                     flex_elements=(FlexElement("lv", "portfolio", 20_000, -20_000),))  # fmt: skip
    second = replace(option, buyer="dso-2.example", contract_id="o-2", amount_up_w=11_000)
    assert oversold([option, second], stock) is None
    assert oversold([option, replace(second, amount_up_w=11_001)], stock) == (
        "sold twice: 20001 W in all are reserved at 2026-05-20 00:00-00:15; there are 20000 W"
    )
    longer = replace(option, end_date=FIRST + timedelta(days=10))
    assert "2026-05-30" in (oversold([longer], stock) or "")


CONTRACTS = st.builds(
    lambda buyer, up, down, start, days, hours, reserved: replace(
        sold(f"{buyer}.example", up, down, start), days_of_week=days, start_minute=hours[0] * 60,
        end_minute=hours[1] * 60, reserved=reserved, capacity_price_e4_per_kw_day=200 * reserved,
    ),
    st.sampled_from("abc"), st.integers(1, 10_000), st.integers(-10_000, 0), st.integers(0, 12),
    st.sampled_from([(1, 2, 3, 4, 5, 6, 7), (6, 7), (3,)]),
    st.sampled_from([(0, 24), (0, 12), (10, 16), (12, 24)]), st.booleans(),
)  # fmt: skip
ASSETS = st.builds(
    lambda bands, can_decrease: replace(ASSET, envelope=bands, can_decrease=can_decrease),
    st.sampled_from(
        [(), (PowerBand(0, 360, -2000, 3000),), (PowerBand(600, 960, 0, 6000), PowerBand(960, 1440, 0, 0))]
    ),
    st.booleans(),
)


@given(st.lists(CONTRACTS, max_size=5), ASSETS)
def test_whoever_refuses_what_is_sold_twice_never_reserves_more_than_there_is(
    offered: list[FlexContract], asset: AssetPublication
) -> None:
    """Contracts in any order, each taken only where all together fit: on every day and ISP the sum is within the envelope."""
    taken: list[FlexContract] = []
    for contract in offered:
        if oversold_element([*taken, contract], [asset]) is None:
            taken.append(contract)
    room = asset_stock(asset, 15).room
    for k in range(40):
        day = FIRST + timedelta(days=k - 3)
        for minute in range(0, 1440, 60):
            down, up = reserved_w(taken, day, minute, asset.name)
            least, most = room(day, minute)
            assert least <= down <= 0 <= up <= most


@given(st.lists(CONTRACTS, min_size=1, max_size=4), ASSETS, st.integers(0, 30), st.integers(0, 95))
def test_a_refusal_is_never_without_an_isp_in_which_too_much_is_reserved(
    contracts: list[FlexContract], asset: AssetPublication, day: int, isp: int
) -> None:
    """Where some ISP is oversold it is found; where none is, nothing is refused."""
    when = FIRST + timedelta(days=day)
    down, up = reserved_w(contracts, when, isp * 15, asset.name)
    least, most = asset_stock(asset, 15).room(when, isp * 15)
    if up > most or down < least:
        assert oversold_element(contracts, [asset]) is not None
