"""What must hold in the market whatever the orders, meters and contracts are."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from cim.model.intervals import LocalDay
from market.contracts.activations import Activations
from market.contracts.contract import CountedPer, FlexContract, FlexElement
from market.contracts.templates import from_template
from market.settlement.day import dense, freeze, lost_isps, metered_w, reservation, settle
from market.settlement.orders import price_of, settle_orders
from market.settlement.payments import Payment, balance, capacity_amount, payments_of, statuses
from market.uftp import (
    AcceptedDisputed,
    ContractSettlementIsp,
    DPrognosis,
    FlexOrder,
    Header,
    IspPower,
    Metering,
    MeteringProfile,
)

DAY = date(2026, 5, 20)
VIENNA = "Europe/Vienna"
ISPS = 12
WATTS = st.integers(-50_000, 50_000)
METER = st.lists(WATTS, min_size=ISPS, max_size=ISPS)


def contract(**changes: int) -> FlexContract:
    """A contract under which the orders here are made."""
    made = from_template(
        "dso-flexoption", contract_id="c", buyer="dso", seller="agr", start_date=DAY, end_date=DAY + timedelta(days=9),
        timezone=VIENNA, flex_elements=(FlexElement("b", "battery", 90_000, -90_000),), deficiency_cap=False,
    )  # fmt: skip
    return replace(made, **changes)


@st.composite
def books(draw: st.DrawFn) -> list[FlexOrder]:
    """Orders of one day and congestion point, each over some of the ISPs, in both directions."""
    orders = []
    for number in range(draw(st.integers(1, 4))):
        starts = draw(st.lists(st.integers(1, ISPS), min_size=1, max_size=5, unique=True))
        rows = tuple(IspPower(start, draw(WATTS)) for start in starts)
        assume(any(row.power_w for row in rows))
        header = Header("dso", "agr", datetime(2026, 5, 19, tzinfo=UTC), f"m{number}", "c")
        price = draw(st.integers(0, 10**7))
        orders.append(FlexOrder(header, DAY, "ean.1", f"o{number}", price, "EUR", rows, VIENNA, contract_id="c"))
    return orders


@given(orders=books(), baseline=METER, actual=METER, data=st.data())
def test_the_order_of_an_orders_rows_does_not_matter(
    orders: list[FlexOrder], baseline: list[int], actual: list[int], data: st.DataObject
) -> None:
    """Rows of an order in any sequence give the same settlement, to the last ISP."""
    shuffled = [replace(order, isps=tuple(data.draw(st.permutations(order.isps)))) for order in orders]
    assert settle_orders(shuffled, baseline, actual, {"c": 3000}) == settle_orders(
        orders, baseline, actual, {"c": 3000}
    )


@given(orders=books(), baseline=METER, actual=METER)
def test_one_order_after_another_or_one_by_one_gives_each_its_own(
    orders: list[FlexOrder], baseline: list[int], actual: list[int]
) -> None:
    """Orders that share no ISP are settled together as they would be each alone."""
    shared = Counter(row.start for order in orders for row in order.isps)
    alone = [order for order in orders if all(shared[row.start] == 1 for row in order.isps)]
    together = {row.order_reference: row for row in settle_orders(orders, baseline, actual, {"c": 3000})}
    for order in alone:
        assert settle_orders([order], baseline, actual, {"c": 3000}) == (together[order.order_reference],)


@given(orders=books(), baseline=METER, actual=METER, penalty=st.integers(0, 10_000))
def test_nobody_is_paid_more_than_the_price_or_fined_for_nothing(
    orders: list[FlexOrder], baseline: list[int], actual: list[int], penalty: int
) -> None:
    """0 <= earned <= price, no deficiency is negative, and there is a penalty only where power is missing."""
    for order, settled in zip(orders, settle_orders(orders, baseline, actual, {"c": penalty}), strict=True):
        assert 0 <= settled.price <= order.price
        assert all(isp.power_deficiency_w >= 0 for isp in settled.isps)
        missing = sum(isp.power_deficiency_w for isp in settled.isps)
        assert settled.penalty == round(Fraction(missing * penalty * 15, 60_000))
        assert settled.net_settlement == settled.price - settled.penalty
        if not missing:
            assert settled.price == order.price


@given(orders=books(), baseline=METER, actual=METER, count=st.integers(1, 4))
def test_durations_are_only_a_way_to_write(
    orders: list[FlexOrder], baseline: list[int], actual: list[int], count: int
) -> None:
    """A row of duration n is n rows: same rows, same money."""
    power = orders[0].isps[0].power_w
    assume(power)
    long = replace(orders[0], isps=(IspPower(1, power, count),))
    short = replace(long, isps=tuple(IspPower(isp, power) for isp in range(1, count + 1)))
    assert price_of(long) == price_of(short)
    assert settle_orders([long], baseline, actual, {"c": 9}) == settle_orders([short], baseline, actual, {"c": 9})


@given(orders=books(), baseline=METER, actual=METER, lost=st.sets(st.integers(1, ISPS)))
def test_what_nobody_metered_is_neither_paid_nor_fined(
    orders: list[FlexOrder], baseline: list[int], actual: list[int], lost: set[int]
) -> None:
    """No lost ISP is in a settlement, the others keep their unit price, and what the lost ones showed has no effect."""
    by_isp = dict(enumerate(baseline, start=1))
    settled = settle(orders, by_isp, actual, [contract()], lost)
    assert not {isp.start for row in settled for isp in row.isps} & lost
    wild = [10**9 if isp in lost else watts for isp, watts in enumerate(actual, start=1)]
    assert settle(orders, by_isp, wild, [contract()], lost) == settled
    by_reference = {order.order_reference: order for order in orders}
    for row in settled:
        fair = price_of(by_reference[row.order_reference]) * sum(abs(i.delivered_flex_power_w) for i in row.isps)
        assert abs(row.price - fair) <= 1  # the part's price and the total are rounded once each
    if not lost:
        assert settled == settle_orders(orders, baseline, actual, {None: 0, "c": contract().penalty_e4_per_kwh})


@given(orders=books(), baseline=METER, mine=METER, data=st.data())
def test_two_sides_accept_each_other_exactly_when_they_metered_the_same(
    orders: list[FlexOrder], baseline: list[int], mine: list[int], data: st.DataObject
) -> None:
    """Equal data: every order is accepted. One watt apart in one ISP: exactly the orders that show it are disputed."""
    yours = list(mine)
    isp = data.draw(st.integers(1, ISPS))
    ours = settle_orders(orders, baseline, mine, {"c": 3000})
    assert {status.disposition for status in statuses(ours, ours)} == {AcceptedDisputed.ACCEPTED}
    yours[isp - 1] += 1
    theirs = settle_orders(orders, baseline, yours, {"c": 3000})
    for status, own, other in zip(statuses(ours, theirs), ours, theirs, strict=True):
        differs = own != other
        assert (status.disposition is AcceptedDisputed.DISPUTED) == differs
        if differs:
            assert f"ISP {isp} " in str(status.dispute_reason)
        else:
            assert not any(row.start == isp and row.actual_power_w == mine[isp - 1] for row in own.isps)


@given(chain=st.lists(st.tuples(books(), METER, METER), min_size=1, max_size=3), capacity=st.integers(0, 10**6))
def test_money_is_conserved_along_a_chain_of_parties(
    chain: list[tuple[list[FlexOrder], list[int], list[int]]], capacity: int
) -> None:
    """DSO to aggregator to members: whatever is paid, all gains add up to nothing, and each gain is what it was owed."""
    names = ["dso", "agr", "member", "element"]
    payments: list[Payment] = [Payment("dso", "agr", capacity, "capacity", "c")] if capacity else []
    owed = Counter({"agr": capacity, "dso": -capacity})
    for (buyer, seller), (orders, baseline, actual) in zip(itertools.pairwise(names), chain, strict=False):
        settled = settle_orders(orders, baseline, actual, {"c": 3000})
        payments += payments_of(settled, buyer, seller)
        net = sum(row.net_settlement for row in settled)
        owed.update({seller: net})
        owed.update({buyer: -net})
    gained = balance(payments)
    assert sum(gained.values()) == 0
    assert {name: gain for name, gain in gained.items() if gain} == {name: net for name, net in owed.items() if net}


def metering(power: list[int], known: list[int] | None) -> Metering:
    """A meter's day, with or without marks of what it did not see."""
    profiles = [MeteringProfile("Power", "W", tuple(power))]
    if known is not None:
        profiles.append(MeteringProfile("Metered", "1", tuple(known)))
    return Metering(
        Header("a", "b", datetime(2026, 5, 21, tzinfo=UTC), "m", "c"), DAY, "ean.1", 1, tuple(profiles), VIENNA
    )


@given(
    meters=st.lists(st.tuples(METER, st.none() | st.lists(st.integers(0, 1), min_size=ISPS, max_size=ISPS)), max_size=3)
)
def test_meters_are_summed_and_one_blind_one_blinds_the_sum(meters: list[tuple[list[int], list[int] | None]]) -> None:
    """Power is the sum of all meters, ISP by ISP; an ISP that one of them did not see is lost for all."""
    messages = [metering(power, known) for power, known in meters]
    assert metered_w(messages, ISPS) == [sum(power[k] for power, _ in meters) for k in range(ISPS)]
    blind = {k + 1 for _, known in meters if known is not None for k in range(ISPS) if not known[k]}
    assert lost_isps(messages) == blind
    short = metering([1] * (ISPS - 1), None)
    assert metered_w([*messages, short], ISPS) == metered_w(messages, ISPS)  # of another day's length: not counted


@given(first=books(), later=METER, power=METER)
def test_a_baseline_once_frozen_stays(first: list[FlexOrder], later: list[int], power: list[int]) -> None:
    """The prognosis behind an ISP's first order counts for good, whatever is forecast or ordered afterwards."""
    header = first[0].header
    one = DPrognosis(header, DAY, "ean.1", 1, tuple(power), VIENNA)
    two = replace(one, revision=2, power_w=tuple(later))
    held: dict[int, int] = {}
    freeze(held, first[0], one)
    touched = {row.start for row in first[0].isps}
    assert held == {isp: power[isp - 1] for isp in touched}
    for order in first[1:]:
        freeze(held, order, two)
    assert all(held[isp] == (power if isp in touched else later)[isp - 1] for isp in held)
    assert dense(held, ISPS) == [held.get(isp, 0) for isp in range(1, ISPS + 1)]


@given(
    requested=st.dictionaries(st.integers(1, 96), WATTS, max_size=8),
    given_w=st.dictionaries(st.integers(1, 96), WATTS, max_size=8),
    up=st.integers(1, 20_000),
)
def test_what_is_reserved_is_paid_except_where_less_was_offered_than_asked(
    requested: dict[int, int], given_w: dict[int, int], up: int
) -> None:
    """A contract's availability is the whole reservation, but the offer where that is below the obligation."""
    option = contract(amount_up_w=up, amount_down_w=0)
    rows = reservation(option, requested, given_w, 96, {})
    assert [row.start for row in rows] == list(range(1, 97))
    for row in rows:
        asked, offered = requested.get(row.start, 0), given_w.get(row.start, 0)
        obligation = min(asked, up) if asked > 0 else 0
        assert row.available_power_w == (offered if obligation and offered < obligation else up)
    full = [ContractSettlementIsp(isp, up, 0, up, 0, 0) for isp in range(1, 97)]
    assert 0 <= capacity_amount(option, rows) <= capacity_amount(option, full)


def starts_of(day: LocalDay, isps: set[int]) -> list[datetime]:
    """The instants at which these ISPs begin."""
    return [day.isp_start(isp) for isp in sorted(isps)]


@given(
    plan=st.lists(st.tuples(st.integers(0, 6), st.sets(st.integers(1, 96), min_size=1, max_size=10)), max_size=8),
    most=st.integers(1, 4), longest=st.integers(1, 6), rest=st.integers(0, 6), per=st.sampled_from(CountedPer),
    hours=st.tuples(st.integers(0, 40), st.integers(41, 96)), days=st.sets(st.integers(1, 7), min_size=1),
)  # fmt: skip
def test_activations_never_go_beyond_the_contract(
    plan: list[tuple[int, set[int]]], most: int, longest: int, rest: int, per: CountedPer, hours: tuple[int, int],
    days: set[int],
) -> None:  # fmt: skip
    """Whatever is asked for, one activation after another: what was let through keeps every limit, counted by hand."""
    agreed = replace(
        contract(max_activations=most, max_runtime_isps=longest, recovery_isps=rest), counted_per=per,
        start_minute=hours[0] * 15, end_minute=hours[1] * 15, days_of_week=tuple(sorted(days)),
        end_date=DAY + timedelta(days=4),
    )  # fmt: skip
    assert agreed.faults == ()
    rules, taken = Activations(agreed), set[datetime]()
    for offset, isps in plan:
        asked = starts_of(LocalDay(DAY + timedelta(days=offset), VIENNA), isps)
        if rules.allowed(rules.runs(sorted(taken)), asked) is None:
            taken |= set(asked)
    minutes = sorted(int((start - datetime(2026, 5, 1, tzinfo=UTC)) / timedelta(minutes=15)) for start in taken)
    blocks: list[list[int]] = []
    for minute in minutes:
        if blocks and minute == blocks[-1][-1] + 1:
            blocks[-1].append(minute)
        else:
            blocks.append([minute])
    assert all(len(block) <= longest for block in blocks)
    assert all(after[0] - before[-1] - 1 >= rest for before, after in itertools.pairwise(blocks))
    local = [start.astimezone(ZoneInfo(VIENNA)) for start in taken]
    assert all(agreed.start_date <= at.date() <= agreed.end_date and at.isoweekday() in days for at in local)
    assert all(hours[0] * 15 <= at.hour * 60 + at.minute < hours[1] * 15 for at in local)
    begins = [datetime(2026, 5, 1, tzinfo=UTC) + block[0] * timedelta(minutes=15) for block in blocks]
    counted = Counter(at.astimezone(ZoneInfo(VIENNA)).date() if per is CountedPer.DAY else None for at in begins)
    assert all(number <= most for number in counted.values())
