"""What is paid once more or taken back when a settlement is found to be wrong: in the end everybody has what is due."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.billing.bill import payments_bill
from market.settlement.payments import CORRECTION, Payment, balance, corrections

BUYER, SELLER = "dso.example", "agr.example"
PAIRS = st.permutations([BUYER, SELLER, "home.example"]).map(lambda names: names[:2])
REASONS = ("utilisation", "penalty", "capacity", "make-whole")


def paid(amount: int, reason: str = "utilisation", reference: str = "o-1") -> Payment:
    """From buyer to seller."""
    return Payment(BUYER, SELLER, amount, reason, reference)


@pytest.mark.parametrize(
    ("before", "due", "owed"),
    [
        ([], [paid(100)], [paid(100)]),
        ([paid(100)], [paid(100)], []),
        ([paid(100)], [paid(130)], [paid(30)]),
        ([paid(100)], [paid(99)], [Payment(SELLER, BUYER, 1, CORRECTION, "utilisation o-1")]),
        ([paid(100)], [], [Payment(SELLER, BUYER, 100, CORRECTION, "utilisation o-1")]),
        # Other order, other reason, other currency: each for itself.
        ([paid(100)], [paid(100, reference="o-2")],
         [paid(100, reference="o-2"), Payment(SELLER, BUYER, 100, CORRECTION, "utilisation o-1")]),
        ([paid(7, "capacity")], [paid(7)], [Payment(SELLER, BUYER, 7, CORRECTION, "capacity o-1"), paid(7)]),
        ([paid(5)], [Payment(BUYER, SELLER, 5, "utilisation", "o-1", "CHF")],
         [Payment(BUYER, SELLER, 5, "utilisation", "o-1", "CHF"), Payment(SELLER, BUYER, 5, CORRECTION, "utilisation o-1")]),
        # What went back before counts: 100 less 20, now 90 are due.
        ([paid(100), Payment(SELLER, BUYER, 20, CORRECTION, "utilisation o-1")], [paid(90)], [paid(10)]),
        ([paid(100), Payment(SELLER, BUYER, 20, CORRECTION, "utilisation o-1")], [paid(70)],
         [Payment(SELLER, BUYER, 10, CORRECTION, "utilisation o-1")]),
        # A reference may have spaces: the reason is its first word.
        ([paid(9, reference="2026-05-20/heat pump"), Payment(SELLER, BUYER, 4, CORRECTION,
                                                             "utilisation 2026-05-20/heat pump")],
         [paid(9, reference="2026-05-20/heat pump")], [paid(4, reference="2026-05-20/heat pump")]),
        # Paid in parts, due in parts: the sums count.
        ([paid(3), paid(4)], [paid(5), paid(5)], [paid(3)]),
    ],
)  # fmt: skip
def test_a_correction_by_hand(before: list[Payment], due: list[Payment], owed: list[Payment]) -> None:
    """What is missing is paid for its own reason, what was too much goes back as a correction of it; nothing for nothing."""
    found = corrections(before, due)
    assert sorted(found, key=repr) == sorted(owed, key=repr)
    assert corrections([*before, *found], due) == ()


PAYMENTS = st.lists(
    st.builds(
        lambda pair, amount, reason, number: Payment(*pair, amount, reason, f"o {number}"),
        PAIRS, st.integers(1, 10**6), st.sampled_from(REASONS), st.integers(0, 3),
    ),
    max_size=8,
)  # fmt: skip


@given(first=PAYMENTS, then=PAYMENTS, last=PAYMENTS)
def test_however_often_it_is_corrected_everybody_has_what_is_due(
    first: list[Payment], then: list[Payment], last: list[Payment]
) -> None:
    """Revision after revision: gains are those of the newest settlement, and corrected twice nothing more is owed."""
    history = list(first)
    for due in (then, last, first, []):
        history += corrections(history, due)
        have, want = balance(history), balance(due)
        assert {name: gain for name, gain in have.items() if gain} == {
            name: gain for name, gain in want.items() if gain
        }
        assert corrections(history, due) == ()


@given(before=PAYMENTS, due=PAYMENTS)
def test_no_more_moves_than_must(before: list[Payment], due: list[Payment]) -> None:
    """One payment at most for each order, reason and direction, and none where what was paid is what is due."""
    found = corrections(before, due)
    keys = [
        (p.payee, p.payer, p.reference) if p.reason == CORRECTION else (p.payer, p.payee, f"{p.reason} {p.reference}")
        for p in found
    ]
    assert len(set(keys)) == len(keys)
    assert corrections(due, due) == ()
    assert corrections(before, [*before]) == ()


@given(before=PAYMENTS, due=PAYMENTS, mixed=st.randoms(use_true_random=False))
def test_the_order_in_which_payments_are_told_does_not_matter(
    before: list[Payment], due: list[Payment], mixed: Random
) -> None:
    """Both parties correct alike, whatever came first with them."""
    told = list(before)
    mixed.shuffle(told)
    assert corrections(told, due[::-1]) == corrections(before, due)


def test_a_correction_has_no_line_on_a_days_bill() -> None:
    """It belongs to a credit note: a bill that met one would say so, and not lose it."""
    with pytest.raises(BadInput, match="reason 'correction'; expected utilisation"):
        payments_bill(BUYER, [Payment(SELLER, BUYER, 1, CORRECTION, "utilisation o-1")])
