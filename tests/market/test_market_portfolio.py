"""A portfolio settled from the bottom up: no money for nothing, nobody ruined, nothing gained by a member's failure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.contracts.contract import BaselineKind, FlexContract, FlexElement
from market.contracts.templates import from_template
from market.settlement.day import metered_share, reservation, undelivered_w
from market.settlement.elements import ElementMove, contract_baseline, settle_element, volume_amount
from market.settlement.held_back import HELD_BACK
from market.settlement.payments import capacity_amount, statuses
from market.settlement.portfolio import (
    LIMITED,
    ConnectionDay,
    fines_e4,
    held_back,
    limited_w,
    passed_on,
    portfolio_change,
    settle_portfolio,
)
from market.uftp import AcceptedDisputed, FlexOrder, FlexOrderSettlement, Header, IspPower, Metering, MeteringProfile

DAY, ISPS, POINT = date(2026, 5, 20), 4, "point"
WATTS = st.integers(-9000, 9000)


def contract(seller: str, element: FlexElement, price_e4: int = 1200, penalty_e4: int = 3000) -> FlexContract:
    """A contract about one element or portfolio."""
    return from_template(
        "dso-flexoption", contract_id=f"c-{seller}", buyer="buyer", seller=seller, start_date=DAY, end_date=DAY,
        timezone="Europe/Vienna", flex_elements=(element,), volume_price_e4_per_kwh=price_e4, penalty_e4_per_kwh=penalty_e4,
    )  # fmt: skip


SALE = contract("agr", FlexElement(POINT, "portfolio", 90_000, -90_000, BaselineKind.ELEMENTS), 2000)


def order(reference: str, isps: dict[int, int], at: FlexContract, place: str = POINT) -> FlexOrder:
    """An order under a contract, at its volume price."""
    header = Header("buyer", at.seller, datetime(2026, 5, 19, tzinfo=UTC), reference, reference)
    rows = tuple(IspPower(isp, watts) for isp, watts in isps.items())
    price = volume_amount(rows, at.volume_price_e4_per_kwh, 15)
    return FlexOrder(header, DAY, place, reference, price, "EUR", rows, "Europe/Vienna", contract_id=at.contract_id)


def metering(ean: str, lost: set[int] = frozenset(), **profiles: list[int]) -> Metering:  # type: ignore[assignment]
    """What a meter told of the day."""
    rows = [MeteringProfile(name, "W", tuple(values)) for name, values in profiles.items()]
    if lost:
        rows.append(MeteringProfile("Metered", "1", tuple(int(isp not in lost) for isp in range(1, ISPS + 1))))
    header = Header(ean, "buyer", datetime(2026, 5, 21, tzinfo=UTC), ean, ean)
    return Metering(header, DAY, ean, 1, tuple(rows), "Europe/Vienna")


def member(actual: list[int], baseline: list[int], ordered: list[int], lost: set[int] = frozenset(),  # type: ignore[assignment]
           element_lost: set[int] = frozenset()) -> ConnectionDay:  # type: ignore[assignment]  # fmt: skip
    """A connection with one element under order and nothing else."""
    element = metering("e", element_lost, Power=actual, Baseline=baseline, Ordered=ordered)
    return ConnectionDay(metering("c", lost, Power=actual), (element,))


def test_a_level_held_by_luck_is_not_delivery() -> None:
    """The sun stayed away: the promise is held, so nothing is fined; nothing was changed, so nothing is paid."""
    day = member([-500, 0, 0, 0], [-500, 0, 0, 0], [400, 0, 0, 0])
    (row,) = settle_portfolio([order("o", {1: 400}, SALE)], {1: -1000}, [day], [SALE], ISPS)
    assert (row.price, row.penalty) == (0, 0)
    assert row.isps[0].actual_power_w == -500


def test_a_true_change_is_paid_although_others_spoilt_the_level() -> None:
    """A neighbour fed in more than was forecast: what the element changed is paid, what the level misses is fined."""
    days = [
        member([-500, 0, 0, 0], [-900, 0, 0, 0], [400, 0, 0, 0]),
        ConnectionDay(metering("d", Power=[-300, 0, 0, 0])),
    ]
    (row,) = settle_portfolio([order("o", {1: 400}, SALE)], {1: -1000}, days, [SALE], ISPS)
    assert row.isps[0].delivered_flex_power_w == 400
    assert row.isps[0].power_deficiency_w == 200


def limited(day: ConnectionDay, taken: list[int], told_as: str = LIMITED) -> ConnectionDay:
    """The same connection, telling what its DSO's limits took, or held back."""
    assert day.connection is not None
    told = replace(day.connection, profiles=(*day.connection.profiles, MeteringProfile(told_as, "W", tuple(taken))))
    return replace(day, connection=told)


def test_what_the_dsos_own_limit_held_back_is_nobodys_delivery() -> None:
    """Promised -600 W, the meter shows -550: but 300 W of that the DSO took itself, so 250 are missing and fined."""
    day = limited(member([-550, 0, 0, 0], [-850, 0, 0, 0], [400, 0, 0, 0]), [300, 0, 0, 0])
    (plain,) = settle_portfolio([order("o", {1: 400}, SALE)], {1: -1000}, [day], [SALE], ISPS, {"c": ()})
    assert plain.isps[0].power_deficiency_w == 0  # where the DSO knows of no limit, what is told of one does not count
    for known in (None, {"c": (1,)}):
        (row,) = settle_portfolio([order("o", {1: 400}, SALE)], {1: -1000}, [day], [SALE], ISPS, known)
        assert (row.isps[0].actual_power_w, row.isps[0].power_deficiency_w) == (-550, 250)
        assert row.isps[0].delivered_flex_power_w == 300


def test_what_the_dsos_own_limit_made_impossible_is_nobodys_lack() -> None:
    """Ordered to feed in 400 W more: the DSO took 300 of them; what is judged is what the plant would have given."""
    day = limited(member([-1100, 0, 0, 0], [-1000, 0, 0, 0], [-400, 0, 0, 0]), [300, 0, 0, 0])
    (row,) = settle_portfolio([order("o", {1: -400}, SALE)], {1: -1000}, [day], [SALE], ISPS)
    assert (row.isps[0].delivered_flex_power_w, row.isps[0].power_deficiency_w) == (-100, 0)
    assert undelivered_w([row], SALE, limited_w([day], ISPS)) == {}  # the contract reserves the other direction
    down = replace(SALE, amount_up_w=0, amount_down_w=-400)
    assert undelivered_w([row], down, limited_w([day], ISPS)) == {1: 0}
    assert undelivered_w([row], down) == {1: 300}


def test_consumption_that_the_dsos_own_limit_held_back_is_nobodys_lack_and_not_paid() -> None:
    """Foretold 1000 W, 400 more ordered, held at 700 in an emergency: of 1400 it held back 700; nothing missing, nothing paid.

    Where the DSO knows of no limit then, all that was ordered is missing. At 600 W, 100 below what the limit let it draw,
    these 100 are its own lack.
    """
    ordered, up = [order("o", {1: 400}, SALE)], replace(SALE, amount_up_w=400)
    day = limited(member([700, 0, 0, 0], [1000, 0, 0, 0], [400, 0, 0, 0]), [700, 0, 0, 0], HELD_BACK)
    for known in (None, {"c": (1,)}):
        (row,) = settle_portfolio(ordered, {1: 1000}, [day], [SALE], ISPS, held=known)
        assert (row.isps[0].actual_power_w, row.isps[0].power_deficiency_w, row.penalty) == (700, 0, 0)
        assert row.price == 0
    assert undelivered_w([row], up) == {1: 400}
    assert undelivered_w([row], up, held=held_back([day], ISPS)) == {1: 0}
    (plain,) = settle_portfolio(ordered, {1: 1000}, [day], [SALE], ISPS, held={"c": ()})
    assert plain.isps[0].power_deficiency_w == 400
    less = limited(member([600, 0, 0, 0], [1000, 0, 0, 0], [400, 0, 0, 0]), [700, 0, 0, 0], HELD_BACK)
    (row,) = settle_portfolio(ordered, {1: 1000}, [less], [SALE], ISPS)
    assert row.isps[0].power_deficiency_w == 100


def test_an_element_is_not_fined_for_what_the_limit_held_back_of_it() -> None:
    """A level of 1400 W, held at 700: without the telling 700 W are missing, with it none; paid is what it changed."""
    for told, missing_w in ({}, 400), ({HELD_BACK: [700, 0, 0, 0]}, 0), ({HELD_BACK: [600, 0, 0, 0]}, 100):
        (isp,) = settled_twice(BATTERY, 700, (1000, 0), (1000, 400), **told).isps
        assert (isp.delivered_flex_power_w, isp.power_deficiency_w) == (0, missing_w)


@given(held=st.integers(0, 9000), actual=WATTS, ordered=WATTS.filter(bool), base=WATTS)
def test_a_limit_of_consumption_neither_helps_nor_harms_a_seller(
    held: int, actual: int, ordered: int, base: int
) -> None:
    """With the limit at the meters and told, the same is fined as without it, under either method."""
    plain = replace(SALE, flex_elements=(replace(SALE.flex_elements[0], baseline=BaselineKind.PROGNOSIS),))
    free = member([actual, 0, 0, 0], [actual, 0, 0, 0], [ordered, 0, 0, 0])
    less = limited(member([actual - held, 0, 0, 0], [actual, 0, 0, 0], [ordered, 0, 0, 0]), [held, 0, 0, 0], HELD_BACK)
    for sale in (SALE, plain):
        (one,), (other,) = (
            settle_portfolio([order("o", {1: ordered}, sale)], {1: base}, [day], [sale], ISPS) for day in (free, less)
        )
        assert one.isps[0].power_deficiency_w == other.isps[0].power_deficiency_w
        assert one.penalty == other.penalty


def test_limits_count_in_a_contract_by_prognosis_too() -> None:
    """One rule whatever the method: the meter less what the DSO took, 250 of 400 W ordered."""
    plain = replace(SALE, flex_elements=(replace(SALE.flex_elements[0], baseline=BaselineKind.PROGNOSIS),))
    day = limited(member([-500, 0, 0, 0], [-500, 0, 0, 0], [400, 0, 0, 0]), [250, 0, 0, 0])
    (row,) = settle_portfolio([order("o", {1: 400}, plain)], {1: -1000}, [day], [plain], ISPS)
    assert (row.isps[0].delivered_flex_power_w, row.isps[0].power_deficiency_w) == (250, 150)


@given(
    taken=st.integers(0, 9000), actual=WATTS, ordered=WATTS.filter(bool), base=WATTS,
)  # fmt: skip
def test_a_limit_neither_helps_nor_harms_a_seller(taken: int, actual: int, ordered: int, base: int) -> None:
    """With the DSO's limit at the meters and told, the same is fined as without the limit."""
    free = member([actual, 0, 0, 0], [actual, 0, 0, 0], [ordered, 0, 0, 0])
    held = limited(member([actual + taken, 0, 0, 0], [actual, 0, 0, 0], [ordered, 0, 0, 0]), [taken, 0, 0, 0])
    (one,), (other,) = (
        settle_portfolio([order("o", {1: ordered}, SALE)], {1: base}, [day], [SALE], ISPS) for day in (free, held)
    )
    assert one.isps[0].power_deficiency_w == other.isps[0].power_deficiency_w
    assert one.penalty == other.penalty


def test_no_element_counts_for_more_than_it_was_ordered() -> None:
    """What one does beyond its order does not stand in for another that failed; what one does the wrong way counts."""
    days = [
        member([700, 0, 0, 0], [0, 0, 0, 0], [300, 0, 0, 0]),
        member([-100, 0, 0, 0], [0, 0, 0, 0], [300, 0, 0, 0]),
    ]
    assert portfolio_change(days, ISPS).changed_w == (200, 0, 0, 0)


@pytest.mark.parametrize(("lost", "element_lost"), [({1}, set()), (set(), {1}), ({1}, {1})])
def test_a_dead_meter_is_neither_paid_nor_fined(lost: set[int], element_lost: set[int]) -> None:
    """The connection's or the element's own: its ISP is in no settlement, whatever number stands in the telling."""
    day = member([0, 400, 0, 0], [-9000, 0, 0, 0], [400, 400, 0, 0], lost, element_lost)
    (row,) = settle_portfolio([order("o", {1: 400, 2: 400}, SALE)], {1: -9000, 2: 0}, [day], [SALE], ISPS)
    assert [isp.start for isp in row.isps] == [2]
    assert (row.price, row.penalty) == (volume_amount((IspPower(2, 400),), 2000, 15), 0)


def test_beside_a_dead_meter_the_others_are_paid_and_nobody_is_fined() -> None:
    """A point whose meters are incomplete holds no promise that anybody could check."""
    days = [
        member([400, 0, 0, 0], [0, 0, 0, 0], [400, 0, 0, 0]),
        member([0, 0, 0, 0], [0, 0, 0, 0], [600, 0, 0, 0], lost={1}),
    ]
    (row,) = settle_portfolio([order("o", {1: 1000}, SALE)], {1: 0}, days, [SALE], ISPS)
    assert row.isps[0].delivered_flex_power_w == 400
    assert row.penalty == 0


def test_a_member_that_told_nothing_leaves_nobody_fined() -> None:
    """A connection without any metering of the day is one whose ISPs are all unmetered."""
    days = [member([400, 0, 0, 0], [0, 0, 0, 0], [400, 0, 0, 0]), ConnectionDay(None)]
    (row,) = settle_portfolio([order("o", {1: 1000}, SALE)], {1: 0}, days, [SALE], ISPS)
    assert (row.isps[0].delivered_flex_power_w, row.penalty) == (400, 0)


def test_a_contract_by_prognosis_is_settled_as_uftp_says() -> None:
    """Where the contract names the prognosis as its baseline, elements are not looked at."""
    plain = replace(SALE, flex_elements=(replace(SALE.flex_elements[0], baseline=BaselineKind.PROGNOSIS),))
    day = member([-500, 0, 0, 0], [-500, 0, 0, 0], [400, 0, 0, 0])
    (row,) = settle_portfolio([order("o", {1: 400}, plain)], {1: -1000}, [day], [plain], ISPS)
    assert row.isps[0].delivered_flex_power_w == 400


PV = contract("pv", FlexElement("pv", "pv", 9000, 0, BaselineKind.AVAILABLE_POWER))


def settled_element(actual: list[int], told: int, moved_w: int, **profiles: list[int]) -> FlexOrderSettlement | None:
    """An order of the first ISP to a plant, settled."""
    move = ElementMove(order("m", {1: moved_w}, PV), ((1, told, moved_w),))
    told_by_meter = metering("pv", Power=actual, **profiles)
    settled = settle_element("pv", [move], PV, told_by_meter, metering("c", Power=actual))
    return None if settled is None else settled[1][0]


def test_a_plant_is_paid_for_what_it_held_back() -> None:
    """Forecast 1000 W, ordered down to 600 W, 700 W available: 100 W were held back; the level is held."""
    row = settled_element([-600, 0, 0, 0], -1000, 400, Available=[-700, 0, 0, 0])
    assert row is not None
    assert (row.isps[0].delivered_flex_power_w, row.isps[0].power_deficiency_w) == (100, 0)


def test_a_plant_that_gives_what_it_has_misses_its_level() -> None:
    """Available and given alike above the promised level: nothing held back, all that is missing is fined, capped."""
    row = settled_element([-1500, 0, 0, 0], -1000, 400, Available=[-1500, 0, 0, 0])
    assert row is not None
    assert (row.isps[0].delivered_flex_power_w, row.isps[0].power_deficiency_w) == (0, 400)


BATTERY = contract("battery", FlexElement("battery", "battery", 9000, -9000, BaselineKind.RUNNING_PLAN))


def settled_twice(
    at: FlexContract, actual_w: int, first: tuple[int, int], second: tuple[int, int], **profiles: list[int]
) -> FlexOrderSettlement:
    """Two orders of the first ISP to an element, each (told, moved), settled."""
    moves = [ElementMove(order(n, {1: row[1]}, at), ((1, *row),)) for n, row in (("a", first), ("b", second))]
    actual = [actual_w, 0, 0, 0]
    name = at.flex_elements[0].name
    done = settle_element(name, moves, at, metering(name, Power=actual, **profiles), metering("c", Power=actual))
    assert done is not None
    return done[1][0]


def test_who_keeps_its_newest_level_is_not_fined_and_paid_by_the_first_baseline() -> None:
    """A battery's plan was 0 W and it was ordered up by 400; then its plan was 100 and it was ordered up by 300: it keeps 400.

    By the first baseline 700 were ordered and 400 changed: 400 x 0.25 h x 0.12 EUR = 120 e4 are paid, of the order's 210.
    Before, 300 W counted as missing (0 + 700 - 400). At 350 W it misses 50 W of its level: 50 x 0.25 h x 0.30 EUR = 37.5, so 38 e4.
    """
    kept = settled_twice(BATTERY, 400, (0, 400), (100, 300))
    (isp,) = kept.isps
    assert (isp.ordered_flex_power_w, isp.delivered_flex_power_w, isp.power_deficiency_w) == (700, 400, 0)
    assert (isp.baseline_power_w, kept.price, kept.penalty) == (0, 120, 0)
    short = settled_twice(BATTERY, 350, (0, 400), (100, 300))
    assert (short.isps[0].power_deficiency_w, short.price, short.penalty) == (50, 105, 38)


def test_with_more_wind_than_told_a_plant_owes_what_was_ordered_and_not_the_level() -> None:
    """Told -2700, ordered up by 200; told -2600, up by 100: level -2500. There were 3000: it owes 300, so down to -2700.

    At -2700 it is paid for 300 and misses nothing; at -2800 it held back 200 and misses 100; with 2800 available it misses
    the level's 100 at -2600 no more, as 200 of 300 were held back: 100 are missing of the order as of the level.
    """

    def of(actual_w: int, could_w: int) -> tuple[int, int, int]:
        (isp,) = settled_twice(PV, actual_w, (-2700, 200), (-2600, 100), Available=[could_w, 0, 0, 0]).isps
        return isp.baseline_power_w, isp.delivered_flex_power_w, isp.power_deficiency_w

    assert of(-2700, -3000) == (-3000, 300, 0)
    assert of(-2800, -3000) == (-3000, 200, 100)
    assert of(-2600, -2800) == (-2800, 200, 100)
    assert of(-2500, -2600) == (-2600, 100, 0)  # less than was told: the level is kept, and what was not there not paid


def test_a_row_shows_the_baseline_that_was_paid_by() -> None:
    """A portfolio of 1000 W foretold, ordered down to 600, at -600: its element was at -700 without, so 100 are paid.

    The row shows -700 (what was measured less what changed), not the prognosis; baseline and delivered add up to it.
    """
    day = member([-600, 0, 0, 0], [-700, 0, 0, 0], [400, 0, 0, 0])
    (row,) = settle_portfolio([order("o", {1: 400}, SALE)], {1: -1000}, [day], [SALE], ISPS)
    (isp,) = row.isps
    assert (isp.baseline_power_w, isp.actual_power_w, isp.delivered_flex_power_w) == (-700, -600, 100)
    assert isp.power_deficiency_w == 0


def test_without_available_power_the_told_baseline_counts() -> None:
    """An inverter without the point: the forecast that was told before the order."""
    row = settled_element([-600, 0, 0, 0], -1000, 400)
    assert row is not None
    assert row.isps[0].delivered_flex_power_w == 400
    assert contract_baseline({1: -5}, BaselineKind.RUNNING_PLAN, {"Available": [-9]}) == {1: -5}


ROW = st.lists(st.integers(-9000, 9000), min_size=ISPS, max_size=ISPS)
MEMBER = st.tuples(ROW, ROW, st.lists(st.integers(0, 5000), min_size=ISPS, max_size=ISPS),
                   st.sets(st.integers(1, ISPS)), st.sets(st.integers(1, ISPS)))  # fmt: skip


def members_settled(
    members: list[tuple[list[int], list[int], list[int], set[int], set[int]]], ordered: dict[int, int], price_e4: int
) -> tuple[int, int, int, int]:
    """(paid by the DSO, fined by the DSO, paid to members, fined from members) of a portfolio of one-element members."""
    days = [member(actual, base, mine, lost, dead) for actual, base, mine, lost, dead in members]
    baseline = {isp: sum(base[isp - 1] for _, base, *_ in members) for isp in ordered}
    above = settle_portfolio([order("o", ordered, SALE)] if ordered else [], baseline, days, [SALE], ISPS)
    terms = [contract(f"m{k}", FlexElement("e", "battery", 9000, -9000), price_e4) for k in range(len(members))]
    moves = [
        [ElementMove(order("m", {i: w for i, w in enumerate(mine, 1) if w}, at),
                     tuple((i, base[i - 1], w) for i, w in enumerate(mine, 1) if w))]
        for (_, base, mine, _, _), at in zip(members, terms, strict=True)
    ]  # fmt: skip
    due: dict[int, Fraction] = {}
    for move, at, day in zip(moves, terms, days, strict=True):
        found = settle_element("e", move, at, day.elements[0], day.connection)
        for isp, amount in fines_e4(found[1] if found else (), (at,)).items():
            due[isp] = due.get(isp, Fraction(0)) + amount
    shares = passed_on(above, [SALE], due)
    rows: list[FlexOrderSettlement] = []
    for move, at, day in zip(moves, terms, days, strict=True):
        found = settle_element("e", move, at, day.elements[0], day.connection, shares)
        own = settle_element("e", move, at, day.elements[0], day.connection)
        if found and own:
            rows += found[1]
            answers = statuses(own[1], found[1], fines_at_most=True)
            assert {answer.disposition for answer in answers} <= {AcceptedDisputed.ACCEPTED}
    return (
        sum(row.price for row in above), sum(row.penalty for row in above),
        sum(row.price for row in rows), sum(row.penalty for row in rows),
    )  # fmt: skip


@given(st.lists(MEMBER, min_size=1, max_size=4))
def test_an_aggregator_gains_nothing_by_members_that_fail(
    members: list[tuple[list[int], list[int], list[int], set[int], set[int]]],
) -> None:
    """It never takes more in penalties than it pays; and at one price on both sides it never keeps a cent of an order.

    So whoever fails and whatever meter is dead, nothing but its margin on what was truly delivered is left to it.
    """
    ordered = {i: total for i in range(1, ISPS + 1) if (total := sum(mine[i - 1] for _, _, mine, *_ in members))}
    paid, fined, out, taken = members_settled(members, ordered, SALE.volume_price_e4_per_kwh)
    assert taken <= fined
    assert paid <= out + len(members) + 1  # each row is rounded once
    assert paid - fined - out + taken <= len(members) + 1


@given(st.lists(MEMBER, min_size=1, max_size=3), st.data())
def test_nobody_is_ruined(
    members: list[tuple[list[int], list[int], list[int], set[int], set[int]]], data: st.DataObject
) -> None:
    """Fined at most for what was ordered, in the ISPs that were metered, at both levels."""
    ordered = data.draw(st.dictionaries(st.integers(1, ISPS), st.integers(1, 9000)))
    _, fined, _, taken = members_settled(members, ordered, 1000)
    assert fined <= volume_amount(tuple(IspPower(i, w) for i, w in ordered.items()), SALE.penalty_e4_per_kwh, 15) + 1
    assert taken <= fined


@given(st.lists(MEMBER, min_size=1, max_size=3), st.sets(st.integers(1, ISPS), min_size=1), st.data())
def test_one_more_dead_meter_makes_nobody_richer_by_delivery_and_nobody_poorer_by_fines(
    members: list[tuple[list[int], list[int], list[int], set[int], set[int]]], more: set[int], data: st.DataObject
) -> None:
    """Whatever it would have shown: what members are paid and what the DSO fines can only fall."""
    ordered = {i: total for i in range(1, ISPS + 1) if (total := sum(mine[i - 1] for _, _, mine, *_ in members))}
    place = data.draw(st.integers(0, len(members) - 1))
    actual, base, mine, lost, dead = members[place]
    worse = [*members[:place], (actual, base, mine, lost | more, dead), *members[place + 1 :]]
    _, fined, out, _ = members_settled(members, ordered, 1000)
    _, fined_after, out_after, taken_after = members_settled(worse, ordered, 1000)
    assert out_after <= out + 1
    assert taken_after <= fined_after <= fined + 1


def test_what_nobody_sees_is_not_available() -> None:
    """Capacity is paid for the share that was metered; a whole day dead earns none."""
    plain = replace(SALE, amount_up_w=1000, amount_down_w=0, capacity_price_e4_per_kw_day=960)
    whole = capacity_amount(plain, reservation(plain, {}, {}, 96, {}))
    half = metered_share([(500, range(1, 97)), (500, ())])
    assert capacity_amount(plain, reservation(plain, {}, {}, 96, {}, half)) == whole // 2
    assert capacity_amount(plain, reservation(plain, {}, {}, 96, {}, metered_share([(1, range(1, 97))]))) == 0
    assert metered_share([(500, ()), (500, ())]) == {}


def test_what_was_ordered_and_not_delivered_was_not_available() -> None:
    """Reserved 1000 W in four ISPs, 400 of them ordered in one and 100 delivered: 700 were there, the rest of the day all."""
    reserved = replace(SALE, amount_up_w=1000, capacity_price_e4_per_kw_day=4000, reserved=True)
    day = member([-900, 0, 0, 0], [-1000, 0, 0, 0], [400, 0, 0, 0])
    settled = settle_portfolio([order("o", {1: 400}, reserved)], {1: -1000}, [day], [reserved], ISPS)
    missing = undelivered_w(settled, reserved)
    assert missing == {1: 300}
    rows = reservation(reserved, {}, {}, ISPS, {1: 400}, undelivered=missing)
    assert [row.available_power_w for row in rows] == [700, 1000, 1000, 1000]
    assert capacity_amount(reserved, rows) == 3700
    assert capacity_amount(reserved, reservation(reserved, {}, {}, ISPS, {1: 400}, undelivered={1: 5000})) == 3000
