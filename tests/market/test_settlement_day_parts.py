"""What a day's settlement is made of: meters with gaps, frozen baselines, reservations, shares that are passed on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.contracts.contract import FlexContract, FlexElement
from market.contracts.templates import from_template
from market.settlement.day import dense, freeze, lost_isps, metered_share, metered_w, reservation, settle
from market.settlement.orders import penalty_per_isp, price_of, settle_orders
from market.settlement.payments import capacity_amount
from market.settlement.portfolio import fines_e4, is_under_order, moved_isps, passed_on
from market.uftp import (
    ContractSettlementIsp,
    DPrognosis,
    FlexOrder,
    FlexOrderSettlement,
    Header,
    IspPower,
    Metering,
    MeteringProfile,
)

DAY, ISPS = date(2026, 5, 20), 96
HEADER = Header("dso.example", "agr.example", datetime(2026, 5, 19, tzinfo=UTC), "m", "c")


def contract(up_w: int = 1000, down_w: int = 0, name: str = "c-1", penalty: int = 4000) -> FlexContract:
    """An option; a penalty of 4000 per kWh is 1 per watt and quarter-hour."""
    return from_template(
        "dso-flexoption", contract_id=name, buyer="dso.example", seller="agr.example", start_date=DAY, end_date=DAY,
        timezone="Europe/Vienna", flex_elements=(FlexElement("lv", "portfolio", 9000, -9000),), amount_up_w=up_w,
        amount_down_w=down_w, penalty_e4_per_kwh=penalty, capacity_price_e4_per_kw_day=960,
    )  # fmt: skip


def order(rows: list[IspPower], price: int = 0, reference: str = "o", contract_id: str | None = "c-1") -> FlexOrder:
    """An order of these rows."""
    zone = "Europe/Vienna"
    return FlexOrder(HEADER, DAY, "lv", reference, price, "EUR", tuple(rows), zone, contract_id=contract_id)


def metering(**profiles: list[int]) -> Metering:
    """What a meter told."""
    rows = tuple(MeteringProfile(name, "W", tuple(values)) for name, values in profiles.items())
    return Metering(HEADER, DAY, "x", 1, rows, "Europe/Vienna")


def test_an_isp_is_lost_when_one_meter_says_so() -> None:
    """Marks of 0, from ISP 1; a meter without marks has seen everything; no meters have lost nothing."""
    whole, first, last = metering(Power=[1, 2, 3]), metering(Metered=[0, 1, 1]), metering(Metered=[1, 1, 0])
    assert lost_isps([]) == lost_isps([whole]) == frozenset()
    assert lost_isps([whole, first]) == {1}
    assert lost_isps([first, whole, last]) == {1, 3}


def test_a_metering_of_another_length_is_no_part_of_the_sum() -> None:
    """Nor one without power; the sum of none is 0 in each ISP."""
    assert metered_w(
        [metering(Power=[1, 2]), metering(Power=[10, 20]), metering(Power=[9]), metering(Other=[5, 5])], 2
    ) == [
        11,
        22,
    ]
    assert metered_w([], 3) == [0, 0, 0]


def test_the_share_that_was_metered_is_by_size() -> None:
    """Of 1000 and 3000 W the larger was lost in ISP 2, both in ISP 3: a quarter is left, then nothing."""
    assert metered_share([(1000, [3]), (3000, [2, 3])]) == {2: Fraction(1, 4), 3: Fraction(0)}
    assert metered_share([(0, [1])]) == metered_share([]) == metered_share([(5, [])]) == {}


@given(st.lists(st.tuples(st.integers(0, 50), st.sets(st.integers(1, 5))), max_size=4))
def test_a_metered_share_is_a_share(lost: list[tuple[int, set[int]]]) -> None:
    """Between nothing and all, ascending by ISP, and named only where something was lost."""
    found = metered_share(lost)
    assert list(found) == sorted(found)
    assert all(0 <= share <= 1 for share in found.values())
    named = {isp for _, isps in lost for isp in isps}
    assert set(found) == (named if sum(size for size, _ in lost) else set())


def test_a_baseline_is_frozen_by_the_first_order_and_dense_elsewhere_at_0() -> None:
    """A later prognosis counts only where no order stood before."""
    held: dict[int, int] = {}
    early, late = (DPrognosis(HEADER, DAY, "lv", k, (10 * k, 20 * k, 30 * k), "Europe/Vienna") for k in (1, 2))
    freeze(held, order([IspPower(1, 5)]), early)
    freeze(held, order([IspPower(1, 5), IspPower(3, 5)]), late)
    assert held == {1: 10, 3: 60}
    assert dense(held, 4) == [10, 0, 60, 0]


@pytest.mark.parametrize(
    ("up_w", "down_w", "asked", "offered", "available"),
    [
        (1000, 0, 0, 0, 1000),  # nothing asked for: it stood by
        (1000, 0, 600, 600, 1000),  # as much as was asked for
        (1000, 0, 600, 599, 599),  # less
        (1000, 0, 2000, 1000, 1000),  # more was asked for than is reserved: the reservation is enough
        (1000, 0, 2000, 999, 999),
        (1000, 0, 600, 0, 0),
        (1000, 0, -600, 0, 1000),  # asked for what is not reserved
        (1000, 0, 600, -700, -700),  # offered the other way: not there
        (1000, 0, 0, -700, 1000),
        (0, -1000, -600, -600, -1000),
        (0, -1000, -600, -599, -599),
        (0, -1000, -2000, -1000, -1000),
        (0, -1000, 600, 0, -1000),
        (0, -1000, -600, 700, 700),
        (1000, -500, 1000, 0, 0),  # of both directions the one upwards is the reserved one
        (1000, -500, -500, 0, 1000),
    ],
)
def test_what_was_reserved_and_there(up_w: int, down_w: int, asked: int, offered: int, available: int) -> None:
    """The obligation is the smaller of reserved and requested; below it only what was offered is available."""
    agreed = contract(up_w, down_w)
    (first, second) = reservation(agreed, {1: asked}, {1: offered}, 2, {2: 7})
    reserved = up_w or down_w
    assert first == ContractSettlementIsp(1, reserved, asked, available, offered, 0)
    assert second == ContractSettlementIsp(2, reserved, 0, reserved, 0, 7)


def test_who_offers_the_other_way_is_paid_no_capacity() -> None:
    """Asked for 1 kW up all day and offered 1 kW down: nothing was available; offered half of the day, half is paid."""
    agreed, asked = contract(1000), dict.fromkeys(range(1, ISPS + 1), 1000)
    wrong = dict.fromkeys(range(1, ISPS + 1), -1000)
    assert capacity_amount(agreed, reservation(agreed, asked, wrong, ISPS, {})) == 0
    half = {isp: 1000 if isp <= 48 else -1000 for isp in asked}
    assert capacity_amount(agreed, reservation(agreed, asked, half, ISPS, {})) == 480


@pytest.mark.parametrize(("up_w", "down_w", "sign"), [(1000, 0, 1), (0, -1000, -1)])
def test_what_nobody_sees_is_not_available_in_either_direction(up_w: int, down_w: int, sign: int) -> None:
    """A third metered is a third available, to the whole watt below; what was not offered is not made up by it."""
    agreed = contract(up_w, down_w)
    rows = reservation(agreed, {2: sign * 900}, {2: sign * 100}, 3, {}, {1: Fraction(1, 3), 2: Fraction(1, 3)})
    assert [row.available_power_w for row in rows] == [sign * 333, sign * 100, sign * 1000]


def test_an_order_in_rows_of_several_isps_is_cut_where_nobody_saw() -> None:
    """4 ISPs of 100 W for 400: two were not metered, so 200 are left for the other two, and no row for the lost ones."""
    whole = order([IspPower(1, 100, 4)], 400)
    base = dict.fromkeys(range(1, 5), 0)
    (found,) = settle([whole], base, [100] * 5, [contract()], {2, 3})
    assert [isp.start for isp in found.isps] == [1, 4]
    assert (found.price, found.penalty) == (200, 0)
    assert settle([whole], base, [100] * 5, [contract()], {1, 2, 3, 4}) == ()
    assert settle([], base, [100] * 5, [contract()]) == ()
    assert settle([whole], base, [100] * 5, [contract()], {5}) == settle([whole], base, [100] * 5, [contract()])


def test_without_a_contract_nothing_is_fined() -> None:
    """An order under no contract, or the contract's own penalty; one under a contract nobody gave is refused."""
    free, bound = order([IspPower(1, 100)], 100, "free", None), order([IspPower(1, 100)], 100, "bound")
    found = settle([free, bound], {1: 0}, [0, 0], [contract()])
    assert [(row.price, row.penalty, row.net_settlement) for row in found] == [(0, 0, 0), (0, 100, -100)]
    with pytest.raises(BadInput, match="no penalty is given for c-1"):
        settle([bound], {1: 0}, [0, 0], [])


def test_a_penalty_of_so_much_a_kwh_is_so_much_a_watt_and_isp() -> None:
    """4000 a kWh are 1 a watt in a quarter-hour, 4 in an hour; a price without power has no unit price."""
    assert [penalty_per_isp(4000, minutes) for minutes in (15, 30, 60)] == [1, 2, 4]
    assert price_of(order([IspPower(1, -2, 3)], 4)) == Fraction(2, 3)
    assert price_of(order([IspPower(1, 0)], 0)) == 0
    with pytest.raises(BadInput, match="order o: Price 4 without any power"):
        price_of(order([IspPower(1, 0)], 4))


SHARES = {1: Fraction(1, 2), 2: Fraction(1, 3)}


@pytest.mark.parametrize(
    ("shares", "penalty"), [(None, 300), ({}, 0), (SHARES, 83), ({1: Fraction(1), 2: Fraction(1), 3: Fraction(1)}, 300)]
)
def test_only_the_share_that_is_passed_on_is_due_and_rounded_down(
    shares: dict[int, Fraction] | None, penalty: int
) -> None:
    """100 W missing in each of three ISPs: all, nothing, 50 + 33.33 cut to 83, or all again."""
    asked = order([IspPower(1, 100, 3)], 0)
    (found,) = settle_orders([asked], [0] * 3, [0] * 3, {"c-1": 4000}, shares=shares)
    assert (found.penalty, found.net_settlement) == (penalty, -penalty)


def test_where_nobody_knows_the_level_nothing_is_fined_and_what_changed_is_paid() -> None:
    """ISP 1 counts in full, in ISP 2 the level is unknown: delivered follows the change, the penalty only ISP 1."""
    asked = order([IspPower(1, 100, 2)], 200)
    (found,) = settle_orders([asked], [0] * 2, [0] * 2, {"c-1": 4000}, changed_w=[40, 70], unfined={2})
    assert [(isp.delivered_flex_power_w, isp.power_deficiency_w) for isp in found.isps] == [(40, 100), (70, 0)]
    assert (found.price, found.penalty) == (110, 100)


def test_what_exceeds_the_order_is_capped_only_under_a_contract_that_says_so() -> None:
    """The meter went 50 W the other way: 150 W are missing of 100, or 100 where the contract caps it."""
    asked = order([IspPower(1, 100)], 0)
    for capped, missing in (((), 150), (("c-1",), 100), (("c-2",), 150)):
        (found,) = settle_orders([asked], [0], [-50], {"c-1": 4000}, capped=capped)
        assert found.isps[0].power_deficiency_w == found.penalty == missing


def settled(missing: dict[int, int], name: str | None = "c-1", penalty: int | None = None) -> FlexOrderSettlement:
    """An order's settlement with so many watts missing by ISP; its penalty is their sum unless told otherwise."""
    (found,) = settle_orders(
        [order([IspPower(isp, 10_000) for isp in missing], 0, contract_id=name)], [0] * 4,
        [10_000 - missing.get(isp, 10_000) for isp in range(1, 5)], {name: 4000},
    )  # fmt: skip
    return found if penalty is None else replace(found, penalty=penalty)


def test_fines_are_exact_and_by_isp() -> None:
    """Summed over orders at each contract's rate; without a contract, or under one that is not given, there is none."""
    rows = [settled({1: 100, 2: 50}), settled({2: 7}, "c-2"), settled({3: 9}, None), settled({3: 9}, "c-9")]
    terms = [contract(), contract(name="c-2", penalty=1000)]
    assert fines_e4(rows, terms) == {1: 100, 2: 50 + Fraction(7, 4)}
    assert fines_e4([], terms) == {}


@given(
    fined=st.dictionaries(st.integers(1, 4), st.integers(1, 9000), max_size=4),
    due=st.dictionaries(st.integers(1, 4), st.integers(0, 20_000).map(Fraction), max_size=4),
    waived=st.integers(0, 9000),
)
def test_a_share_passed_on_is_at_most_all_and_in_sum_what_was_paid(
    fined: dict[int, int], due: dict[int, Fraction], waived: int
) -> None:
    """Also where the DSO took less than it found: never above 1, nothing where it fined nothing, in sum never more."""
    whole = [settled(fined)] if fined else []
    paid = [replace(row, penalty=max(row.penalty - waived, 0)) for row in whole]
    shares = passed_on(paid, [contract()], due)
    assert set(shares) == {isp for isp, amount in due.items() if amount}
    assert all(0 <= share <= 1 for share in shares.values())
    assert all(shares[isp] == 0 for isp in shares if isp not in fined)
    assert sum((shares[isp] * due[isp] for isp in shares), Fraction(0)) <= sum(row.penalty for row in paid)


def test_a_share_by_hand() -> None:
    """Fined 100 in ISP 1 and 200 in ISP 2; members lack 400 and 100 there: a quarter of it, and all."""
    assert passed_on([settled({1: 100, 2: 200})], [contract()], {1: Fraction(400), 2: Fraction(100)}) == {
        1: Fraction(1, 4),
        2: Fraction(1),
    }
    half = [settled({1: 100, 2: 200}, penalty=150)]
    assert passed_on(half, [contract()], {1: Fraction(400), 2: Fraction(100)}) == {1: Fraction(1, 8), 2: Fraction(1)}
    assert passed_on([], [contract()], {1: Fraction(5)}) == {1: 0}


def test_which_isps_orders_moved_is_told_by_the_meter() -> None:
    """A profile of what was ordered, 0 where nothing was; a meter without it is under no order."""
    under = metering(Ordered=[0, -5, 7])
    assert is_under_order(under)
    assert moved_isps(under) == {2, 3}
    assert not is_under_order(metering(Power=[1]))
    assert moved_isps(metering(Power=[1])) == frozenset()
