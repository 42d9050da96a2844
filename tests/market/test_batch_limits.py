"""What a contract's limits do not allow is found in a batch exactly where it is found one by one."""

from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from market.contracts.activations import Activations
from market.contracts.contract import CountedPer
from market.settlement.batch.limits import beyond_limits
from market.settlement.batch.tables import order_table
from tests.market.batch_worlds import contract, days_from

DAYS = days_from(date(2026, 3, 28), 3)  # a Saturday, the day on which clocks go forward, a Monday


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, DAYS.count - 1), st.integers(1, 5)), max_size=4), min_size=1, max_size=3
    ),
    st.sampled_from([(1, 2, 3, 4, 5, 6, 7), (1, 6)]),
    st.sampled_from([(0, 1440), (8 * 60, 20 * 60)]),
    st.integers(1, 4),
    st.integers(0, 5),
    st.integers(1, 2),
    st.sampled_from(CountedPer),
)
def test_a_batch_finds_what_the_contract_does_not_allow(
    runs: list[list[tuple[int, int]]],
    weekdays: tuple[int, ...],
    hours: tuple[int, int],
    runtime: int,
    recovery: int,
    often: int,
    counted: CountedPer,
) -> None:
    """A party's rows break a limit if and only if `Activations.allowed` refuses its ISPs, and for the same reason."""
    tight = contract(
        "c-1", days_of_week=weekdays, start_minute=hours[0], end_minute=hours[1], max_runtime_isps=runtime,
        recovery_isps=recovery, max_activations=often, counted_per=counted,
    )  # fmt: skip
    loose = contract("c-0")
    isps = [sorted({k for first, n in mine for k in range(first, min(first + n, DAYS.count))}) for mine in runs]
    rows = [(party, isp, party, 100) for party, mine in enumerate(isps) for isp in mine]
    table = order_table(rows, [0] * len(runs), [0] * len(runs))
    of_party = np.array([1 if party % 2 == 0 else 0 for party in range(len(runs))])
    found = beyond_limits(table, DAYS, [loose, tight], of_party)
    flat = [day.isp_start(k) for day in DAYS.days for k in range(1, day.count + 1)]
    for party, mine in enumerate(isps):
        limits = Activations([loose, tight][of_party[party]])
        reason = limits.allowed((), [flat[k] for k in mine])
        own = table.party == party
        assert bool(found.any[own].any()) == (reason is not None)
        if reason is not None and reason.split(":")[0] in ("runtime", "recovery", "activations"):
            flag = {"runtime": found.too_long, "recovery": found.too_close, "activations": found.too_often}
            assert flag[reason.split(":")[0]][own].any()
            assert not found.outside[own].any()


def test_the_rows_themselves_are_named() -> None:
    """Of two activations too close to each other the later one is beyond the limit, the first is not."""
    table = order_table([(0, isp, 0, 100) for isp in (10, 11, 13)], [0], [0])
    found = beyond_limits(table, DAYS, [contract("c-0", recovery_isps=4)], np.array([0]))
    assert found.too_close.tolist() == [False, False, True]
    assert not (found.outside | found.too_long | found.too_often).any()
