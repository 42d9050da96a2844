"""A contract changes only by both signatures or a right of notice, from a day that is not past, and every day has one version."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from market.contracts.changes import (
    ContractTermination,
    amended,
    amendment_fault,
    terminated,
    termination_fault,
    terms_on,
)
from market.contracts.contract import FlexContract, in_force
from tests.worlds import players
from tests.worlds.players import FIRST

LAST = FIRST + timedelta(days=30)
DRAFT = players.agreement("farm-a", FIRST, LAST)


def later(days: int) -> date:
    """So many days after the first."""
    return FIRST + timedelta(days=days)


def end(**changes: Any) -> ContractTermination:
    """Both consent to end the contract after ten days."""
    made = ContractTermination(DRAFT.contract_id, DRAFT.buyer, DRAFT.seller, later(10), "", "it is not needed")
    return replace(made, **changes)


def test_an_amendment_counts_from_its_day_and_the_version_before_it_until_then() -> None:
    """Both have one name; their records have keys of their own."""
    new = replace(amended(DRAFT, later(5)), amount_up_w=500)
    assert [in_force((DRAFT, new), later(k)) for k in (0, 4, 5, 30)] == [DRAFT, DRAFT, new, new]
    assert [terms_on((DRAFT, new), later(k)) for k in (4, 5)] == [(DRAFT,), (new,)]
    assert (DRAFT.record_key, new.record_key) == (DRAFT.contract_id, f"{DRAFT.contract_id}#2")
    assert amendment_fault((DRAFT,), new, FIRST) is None
    assert decode(encode(new)) == new


@pytest.mark.parametrize(
    ("changes", "today", "why"),
    [
        ({"version": 3}, FIRST, "version: 3; expected 2"),
        ({"seller": "farm-b.example"}, FIRST, "is between agr.example and farm-a.example"),
        ({"reserved": False}, FIRST, "stays what it is"),
        ({"start_date": FIRST - timedelta(days=1)}, FIRST - timedelta(days=9), "is outside"),
        ({"start_date": LAST + timedelta(days=1)}, FIRST, "is outside"),
        ({}, later(5), "expected a day after"),
        ({}, later(9), "expected a day after"),
    ],
)
def test_what_does_not_follow_the_version_before_is_no_amendment(
    changes: dict[str, Any], today: date, why: str
) -> None:
    """Another version, party or kind; a day outside the term, or one that has begun."""
    assert why in (amendment_fault((DRAFT,), replace(amended(DRAFT, later(5)), **changes), today) or "")


def test_nothing_unknown_is_amended_or_terminated() -> None:
    """A contract that nobody has agreed."""
    assert "has no version 1" in (amendment_fault((), amended(DRAFT, later(5)), FIRST) or "")
    assert "is no contract" in (termination_fault((), end(), FIRST) or "")


NOTICE = replace(DRAFT, notice_days=7)


@pytest.mark.parametrize(
    ("contract", "termination", "today", "why"),
    [
        (DRAFT, end(), FIRST, None),
        (DRAFT, end(), later(10), None),
        (DRAFT, end(), later(11), "is past"),
        (DRAFT, end(last_day=LAST), FIRST, "by itself"),
        (DRAFT, end(seller="farm-b.example"), FIRST, "is between"),
        (DRAFT, end(by="farm-a.example"), FIRST, "gives no right of notice"),
        (NOTICE, end(by="farm-a.example"), later(3), None),
        (NOTICE, end(by="agr.example"), later(3), None),
        (NOTICE, end(by="farm-a.example"), later(4), "a notice of 7 days"),
        (NOTICE, end(by="farm-b.example"), FIRST, "is no party"),
        (NOTICE, end(), later(9), None),
    ],
)
def test_a_termination_needs_consent_or_notice_in_time(
    contract: FlexContract, termination: ContractTermination, today: date, why: str | None
) -> None:
    """Alone only with the contract's notice; together any day that is not past, within the term."""
    fault = termination_fault((contract,), termination, today)
    assert (fault is None) if why is None else (why in (fault or ""))


def test_who_must_sign_a_termination() -> None:
    """Both, or who gives notice."""
    assert end().signers == {"agr.example", "farm-a.example"}
    assert end(by="farm-a.example").signers == {"farm-a.example"}


@given(st.lists(st.integers(1, 29), unique=True, max_size=5), st.integers(0, 40), st.integers(0, 40))
def test_every_day_of_the_term_has_one_version_and_none_after_the_termination(
    starts: list[int], last: int, day: int
) -> None:
    """However many amendments there are, and whenever it ends; another contract is not touched."""
    versions = [DRAFT]
    for start in sorted(starts):
        versions.append(amended(versions[-1], later(start)))
    other = replace(DRAFT, contract_id="other")
    after = terminated((*versions, other), end(last_day=later(last)))
    assert after[-1] == other
    found = in_force(after[:-1], later(day))
    assert (found is not None) == (day <= min(last, 30))
    if found is not None:
        assert found.version == 1 + sum(start <= day for start in starts)
        assert terms_on(after, later(day)) == (found, other)
