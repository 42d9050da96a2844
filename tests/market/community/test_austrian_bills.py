"""Bills by Austria's law: a member's lines by hand, accounts that close, reductions by their date."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.arrays import Ints
from cim.model.errors import BadInput
from market.billing.tariff import DayRates
from market.community.austria.allocation import Allocation, Key, Measured, allocate, corrected, measured
from market.community.austria.billing import Member, Terms, statement
from market.community.austria.grid_fees import CommunityKind, GridLevels, ReductionTable, reduction_pct
from market.community.bill import Account, MemberTariff

FIRST, LAST = date(2026, 5, 1), date(2026, 5, 31)
TABLES = (
    ReductionTable(
        date(2021, 11, 1),
        date(2026, 12, 31),
        {
            (CommunityKind.LOCAL, GridLevels.LOW): 57,
            (CommunityKind.REGIONAL, GridLevels.LOW): 28,
            (CommunityKind.REGIONAL, GridLevels.MEDIUM): 64,
        },
        "the test",
    ),
)


def rates(
    t: int, energy: int = 580_000, network: int = 620_000, taxes: int = 740_000, feed_in: int = 824_000
) -> DayRates:
    """The same in all intervals, ten-thousandths per MWh: 5.8, 6.2, 7.4 and 8.24 ct/kWh."""
    return DayRates(*(np.full(t, value, dtype=np.int64) for value in (energy, network, taxes, feed_in)))


def member(index: int, t: int, vat_pct: int = 20, reduction: int = 57) -> Member:
    """A member whose points are a column of both tables."""
    pct = np.full(t, reduction, dtype=np.int64)
    return Member(f"m{index}", f"Member {index}", index, index, MemberTariff(rates(t), vat_pct), pct)


def terms(kind: CommunityKind = CommunityKind.LOCAL, price: int = 1_000_000, paid: int = 900_000) -> Terms:
    """10 ct/kWh from members, 9 to them."""
    return Terms("EEG", kind, "EUR", price, paid)


def shared(consumed: list[list[int]], produced: list[list[int]]) -> Allocation:
    """By a dynamic key, all with 100 %."""
    values = measured(np.array(consumed), np.array(produced))
    hundred = np.full_like(values.consumed_wh, 100)
    return allocate(Key.DYNAMIC, values, hundred, hundred)


def test_a_households_month_by_hand() -> None:
    """3 kWh, 1 of them from the community: each line worked out, and what it would have cost without.

    Supplier 2 x 5.8 = 11.6 ct; community 10; grid 2 x 6.2 = 12.4 and 6.2 x 0.43 = 2.666; taxes 2 x 7.4 = 14.8 and 20 % of
    2.666 = 0.5332. Without: 3 x 19.4 = 58.2.
    """
    found = statement(terms(), shared([[3000, 0]], [[0, 1000]]), [member(0, 1), member(1, 1)], FIRST, LAST)
    bill = found.bills[0]
    assert [(line.label, line.account, line.energy_wh, line.amount_e4) for line in bill.lines] == [
        ("Energy from the supplier", Account.SUPPLIER, 2000, 1160),
        ("Energy from the community", Account.COMMUNITY, 1000, 1000),
        ("Grid, for energy from the supplier", Account.GRID, 2000, 1240),
        ("Grid, for energy from the community", Account.GRID, 1000, 267),
        ("Taxes, for energy from the supplier", Account.STATE, 2000, 1480),
        ("Taxes, for energy from the community", Account.STATE, 1000, 53),
    ]
    assert (bill.total_e4, bill.without_e4, bill.saved_e4) == (5200, 5820, 620)
    producer = found.bills[1]
    assert [(line.label, line.amount_e4) for line in producer.lines] == [("Feed-in to the community", -900)]
    assert (producer.without_e4, producer.saved_e4) == (-824, 76)
    assert found.account_e4(Account.COMMUNITY) == 100


def test_registers_carry_the_names_that_distributors_use() -> None:
    """G.01 to P.01T with what each holds; G.03R is own cover where the community is renewable, else nothing."""
    found = statement(terms(), shared([[3000, 0]], [[400, 1000]]), [member(0, 1), member(1, 1)], FIRST, LAST)
    first = {(line.code, line.label): line.energy_wh for line in found.bills[0].registers}
    assert list(first.values()) == [3000, 3000, 1400, 1400, 1400, 400, 400, 0, 0]
    assert [code for code, _ in first] == [
        "1-1:1.9.0 G.01", "1-1:1.9.0 G.01T", "1-1:2.9.0 G.02", "1-1:2.9.0 G.03", "1-1:2.9.0 G.03R",
        "1-1:2.9.0 G.01", "1-1:2.9.0 G.01T", "1-1:2.9.0 P.01", "1-1:2.9.0 P.01T",
    ]  # fmt: skip
    citizens = statement(
        terms(CommunityKind.CITIZENS), shared([[3000, 0]], [[0, 1000]]), [member(0, 1, reduction=0)], FIRST, LAST
    )
    assert citizens.bills[0].register_wh("1-1:2.9.0 G.03R") == 0


def test_a_citizens_community_saves_no_levy() -> None:
    """Taxes on its energy are those of the tariff, in full."""
    found = statement(
        terms(CommunityKind.CITIZENS), shared([[1000]], [[1000]]), [member(0, 1, reduction=0)], FIRST, LAST
    )
    lines = {line.label: line.amount_e4 for line in found.bills[0].lines}
    assert lines["Taxes, for energy from the community"] == 740
    assert lines["Grid, for energy from the community"] == 620


TABLE = st.lists(st.lists(st.integers(0, 20_000), min_size=3, max_size=3), min_size=1, max_size=5)


@given(
    consumed=TABLE, seed=st.integers(0, 2**32 - 1), reduction=st.sampled_from([0, 28, 57]), vat=st.sampled_from([0, 20])
)
def test_energy_and_money_close(consumed: list[list[int]], seed: int, reduction: int, vat: int) -> None:
    """All accounts are what members pay; the community keeps its margin to half a ten-thousandth a line; no Wh is billed twice."""
    t = len(consumed)
    produced: Ints = np.random.default_rng(seed).integers(0, 20_000, (t, 3))
    allocation = shared(consumed, produced.tolist())
    members = [member(k, t, vat, reduction) for k in range(3)]
    found = statement(terms(price=1_000_000, paid=1_000_000), allocation, members, FIRST, LAST)
    assert sum(found.account_e4(account) for account in Account) == found.paid_e4
    assert abs(found.account_e4(Account.COMMUNITY)) <= 3  # six lines, each rounded once
    billed = [line for bill in found.bills for line in bill.lines]
    sold = sum(line.energy_wh for line in billed if line.label == "Energy from the community")
    bought = sum(line.energy_wh for line in billed if line.label == "Feed-in to the community")
    assert sold == bought == int(allocation.own_cover_wh.sum())
    supplied = sum(line.energy_wh for line in billed if line.label == "Energy from the supplier")
    assert supplied + sold == int(allocation.consumed_wh.sum())
    left = sum(line.energy_wh for line in billed if line.label == "Feed-in to the buyer of surplus")
    assert left + bought == int(allocation.produced_wh.sum())
    assert sum(bill.saved_e4 for bill in found.bills) == found.saved_e4


@given(consumed=TABLE)
def test_without_generation_the_bill_is_that_without_a_community(consumed: list[list[int]]) -> None:
    """Nothing shared, nothing saved, to the ten-thousandth."""
    t = len(consumed)
    found = statement(terms(), shared(consumed, [[0, 0, 0]] * t), [member(k, t) for k in range(3)], FIRST, LAST)
    assert [bill.saved_e4 for bill in found.bills] == [0, 0, 0]


def test_what_rests_on_substitutes_or_corrections_is_said() -> None:
    """The statement counts quarter-hours of lesser quality and those allocated again."""
    before = shared([[1000], [1000]], [[500], [500]])
    again = corrected(before, shared([[1000], [1200]], [[500], [500]]))
    found = statement(terms(), again, [member(0, 2)], FIRST, LAST)
    assert found.notes == ("1 quarter-hours were allocated again after a correction.",)
    guessed = Measured(np.array([[1000]]), np.array([[500]]), np.array([[2]]), np.array([[1]]))
    hundred = np.array([[100]])
    notes = statement(terms(), allocate(Key.DYNAMIC, guessed, hundred, hundred), [member(0, 1)], FIRST, LAST).notes
    assert notes == ("1 quarter-hours rest on substitute or missing values (L2, L3).",)


@pytest.mark.parametrize(
    ("kind", "levels", "pct"),
    [
        (CommunityKind.LOCAL, GridLevels.LOW, 57),
        (CommunityKind.REGIONAL, GridLevels.LOW, 28),
        (CommunityKind.REGIONAL, GridLevels.MEDIUM, 64),
        (CommunityKind.CITIZENS, GridLevels.LOW, 0),
        (CommunityKind.PEERS, GridLevels.MEDIUM, 0),
    ],
)
def test_the_reduction_goes_by_kind_and_levels(kind: CommunityKind, levels: GridLevels, pct: int) -> None:
    """57 % local, 28 and 64 % regional, nothing for citizens' communities and peers."""
    assert reduction_pct(TABLES, date(2026, 5, 1), kind, levels) == pct


@pytest.mark.parametrize(("day", "known"), [
    (date(2021, 10, 31), False), (date(2021, 11, 1), True), (date(2026, 12, 31), True), (date(2027, 1, 1), False),
])  # fmt: skip
def test_no_reduction_is_assumed_where_no_table_holds(day: date, known: bool) -> None:
    """From the first to the last day of a table; before and from 2027 on it is refused, with what is known."""
    if known:
        assert reduction_pct(TABLES, day, CommunityKind.LOCAL, GridLevels.LOW) == 57
        return
    with pytest.raises(BadInput, match=f"on {day}: no table holds; expected a day within 2021-11-01 to 2026-12-31"):
        reduction_pct(TABLES, day, CommunityKind.LOCAL, GridLevels.LOW)
    assert reduction_pct(TABLES, day, CommunityKind.PEERS, GridLevels.LOW) == 0


def test_a_member_beyond_the_transformer_is_in_no_local_community() -> None:
    """Medium voltage in a local community is refused, with the levels that it may have."""
    with pytest.raises(BadInput, match="grid levels 4-5 in a community eeg-local; expected 6-7"):
        reduction_pct(TABLES, FIRST, CommunityKind.LOCAL, GridLevels.MEDIUM)
    with pytest.raises(BadInput, match="within none"):
        reduction_pct((), FIRST, CommunityKind.LOCAL, GridLevels.LOW)
