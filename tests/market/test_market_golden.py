"""Golden cases of the market: tests/golden/{settlement,baselines,negotiation}/CASE holds input, answer and its source."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from market.contracts.contract import FlexContract, FlexElement
from market.contracts.templates import from_template
from market.negotiation.concession import Move, NegotiationPreferences, Side, Terms, offer_at, respond
from market.settlement.baselines import d_prognosis_baseline, meter_before_baseline, x_of_y_baseline
from market.settlement.day import settle
from market.settlement.payments import balance, payments_of
from market.uftp import DPrognosis, FlexOrder, FlexOrderSettlement, Header, IspPower, OfferOption

GOLDEN = Path(__file__).parents[1] / "golden"
NOBODY = Header("dso.example", "agr.example", datetime(2026, 1, 1, tzinfo=UTC), "m", "c")


def cases(topic: str) -> list[Any]:
    """The case folders of a topic, by name."""
    return [pytest.param(folder, id=folder.name) for folder in sorted((GOLDEN / topic).iterdir())]


def load(folder: Path) -> tuple[Any, Any]:
    """A case's input and expected answer; every case says where the answer is from."""
    assert (folder / "source.md").read_text(encoding="utf-8").strip()
    return json.loads((folder / "input.json").read_text()), json.loads((folder / "expected.json").read_text())


def day_of(case: Any) -> LocalDay:
    """The local day of a case."""
    return LocalDay(date.fromisoformat(case["day"]), case["timezone"])


def dense(by_isp: dict[str, int], count: int) -> list[int]:
    """Watts for each ISP; those not named are 0."""
    assert all(1 <= int(isp) <= count for isp in by_isp)
    return [by_isp.get(str(isp), 0) for isp in range(1, count + 1)]


def profile(spans: list[list[int]]) -> Floats:
    """Watts from [first ISP, last ISP, watts] spans that follow each other."""
    assert [first for first, _, _ in spans] == [1, *[last + 1 for _, last, _ in spans[:-1]]]
    return np.concatenate([np.full(last - first + 1, float(watts)) for first, last, watts in spans])


def order_of(case: Any, row: Any) -> FlexOrder:
    """An order of a case; a partial activation is ordered from the offer."""
    factor = row.get("activation_factor_pct", 100)
    offered = tuple(IspPower(*isp) for isp in row.get("offered_isps", row.get("isps")))
    price, isps = OfferOption("o", row.get("offered_price_e4", row.get("price_e4")), offered, 1).activated(factor)
    return FlexOrder(
        NOBODY, date.fromisoformat(case["day"]), "ean.0000000000001", row["reference"], price, "EUR", isps, case["timezone"],
        activation_factor_pct=factor, contract_id=row["contract"],
    )  # fmt: skip


def contract_of(case: Any, name: str, penalty_e4_per_kwh: int) -> FlexContract:
    """A contract that says no more than what non-delivery costs."""
    day = date.fromisoformat(case["day"])
    return from_template(
        "plant-daily", contract_id=name, buyer="dso.example", seller="agr.example", start_date=day, end_date=day,
        timezone=case["timezone"], flex_elements=(FlexElement("bess", "battery", 10**6, -(10**6)),),
        penalty_e4_per_kwh=penalty_e4_per_kwh, deficiency_cap=case.get("deficiency_cap", False),
    )  # fmt: skip


def shown(settled: FlexOrderSettlement) -> dict[str, Any]:
    """An order's settlement as the expected answers have it: of the meter, what the order counts."""
    rows = [
        [isp.start, isp.baseline_power_w, isp.ordered_flex_power_w, isp.counted_power_w, isp.delivered_flex_power_w,
         isp.power_deficiency_w]
        for isp in settled.isps
    ]  # fmt: skip
    return {
        "reference": settled.order_reference,
        "price_e4": settled.price,
        "penalty_e4": settled.penalty,
        "net_e4": settled.net_settlement,
        "isps": rows,
    }


@pytest.mark.parametrize("folder", cases("settlement"))
def test_settlement(folder: Path) -> None:
    """Each order's rows, price, penalty and net are those worked out by the source; what is paid sums up to the nets; every
    row shows the meter's value, whatever its order counts of it."""
    case, expected = load(folder)
    count = day_of(case).count
    orders = [order_of(case, row) for row in case["orders"]]
    contracts = [contract_of(case, *pair) for pair in case["penalty_e4_per_kwh"].items()]
    baseline = {int(isp): watts for isp, watts in case["baseline_w"].items()}
    actual_w = dense(case["actual_w"], count)
    settled = settle(orders, baseline, actual_w, contracts, case.get("lost", ()))
    assert [shown(row) for row in settled] == expected
    rows = [isp for row in settled for isp in row.isps]
    assert [isp.actual_power_w for isp in rows] == [actual_w[isp.start - 1] for isp in rows]
    gained = balance(payments_of(settled, "dso.example", "agr.example"))
    assert gained.get("agr.example", 0) == -gained.get("dso.example", 0) == sum(row["net_e4"] for row in expected)


@pytest.mark.parametrize("folder", cases("baselines"))
def test_baselines(folder: Path) -> None:
    """The baseline, ISP by ISP, is the one the source gives."""
    case, expected = load(folder)
    day = day_of(case)
    if case["method"] == "d-prognosis":
        made = [
            DPrognosis(
                NOBODY, day.day, "ean.1", row["revision"], tuple(int(w) for w in profile(row["power"])), day.timezone
            )
            for row in case["prognoses"]
        ]
        found = d_prognosis_baseline(made)
    elif case["method"] == "meter-before":
        found = meter_before_baseline(profile(case["actual"]), case["first_isp"], case["isps"], case["before_isps"])
    else:
        found = x_of_y_baseline(
            day,
            {date.fromisoformat(of): profile(spans) for of, spans in case["history"].items()},
            events=[date.fromisoformat(of) for of in case.get("events", ())],
            holidays=[date.fromisoformat(of) for of in case.get("holidays", ())],
            x=case.get("x", 10),
            y=case.get("y", 10),
            same_day=profile(case["same_day"]) if "same_day" in case else None,
            event_isp=case.get("event_isp"),
        )
    assert found.tolist() == profile(expected["watts"]).tolist()


@pytest.mark.parametrize("folder", cases("negotiation"))
def test_negotiation(folder: Path) -> None:
    """Two sides that only answer each other make the offers of the source, one after the other, and end as it says."""
    case, expected = load(folder)
    sides = {}
    for name in ("buyer", "seller"):
        row = case[name]
        sides[name] = NegotiationPreferences(
            Side(name), Terms(*row["aspiration"]), Terms(*row["reservation"]), row["rounds"], row["beta"]
        )
    turn, other = "buyer", "seller"
    terms, made = offer_at(sides[turn], 1), []
    move = Move.COUNTER
    for number, offer in enumerate(expected["offers"], start=1):
        assert move is Move.COUNTER
        made.append([turn, terms.volume_price_e4_per_kwh, terms.capacity_price_e4_per_kw_day])
        assert made[-1] == offer
        move, terms = respond(sides[other], terms, number)
        turn, other = other, turn
    assert (move.value, turn) == (expected["outcome"], expected["by"])
