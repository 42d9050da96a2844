"""Small districts as arrays and, the same, as the day's own settlement would see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
from hypothesis import strategies as st

from cim.model.intervals import LocalDay
from market.contracts.contract import FlexContract, FlexElement
from market.contracts.templates import from_template
from market.settlement.batch.tables import ContractTerms, Days, OrderTable
from market.uftp import FlexOrder, Header, IspPower

ZONE = "Europe/Vienna"
DAY = date(2026, 5, 20)
WATTS = st.integers(-5_000, 5_000)


def days_from(first: date, count: int) -> Days:
    """Consecutive local days."""
    start = LocalDay(first, ZONE)
    return Days(tuple(start.next(k) for k in range(count)))


def order(
    reference: str, isps: Sequence[tuple[int, int]], price: int, contract: str | None, day: date = DAY
) -> FlexOrder:
    """An order of (ISP from 1, watts) for a price."""
    header = Header("dso.example", "agr.example", datetime(2026, 5, 19, tzinfo=UTC), reference, reference)
    rows = tuple(IspPower(start, power) for start, power in isps)
    return FlexOrder(header, day, "ean.0000000000001", reference, price, "EUR", rows, ZONE, contract_id=contract)


def contract(name: str, **changes: object) -> FlexContract:
    """A contract that allows everything unless told otherwise."""
    element = FlexElement("battery", "battery", 10_000, -10_000)
    made = from_template(
        "plant-daily", contract_id=name, buyer="agr.example", seller="home.example", start_date=date(2026, 1, 1),
        end_date=date(2026, 12, 31), timezone=ZONE, flex_elements=(element,), max_activations=99, max_runtime_isps=100,
        recovery_isps=0,
    )  # fmt: skip
    found = replace(made, **changes)  # type: ignore[arg-type]
    assert found.faults == ()
    return found


def terms(*contracts: FlexContract) -> ContractTerms:
    """What of the contracts counts in a batch."""
    return ContractTerms(
        np.array([c.penalty_e4_per_kwh for c in contracts], dtype=np.int64),
        np.array([c.deficiency_cap for c in contracts]),
    )


def row_values(table: OrderTable, dense: np.ndarray) -> np.ndarray:
    """[R] of [N, ISPs]: what each row sees."""
    return np.asarray(dense[table.party, table.isp]).astype(np.int64)
