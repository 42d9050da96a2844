"""Golden cases of shared energy: tests/golden/community/COUNTRY/CASE holds input, answer and where the answer is from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cim.model.arrays import Ints
from market.community.austria.allocation import Key, allocate, measured
from market.community.spain.compensation import compensate
from market.community.spain.sharing import most_own_wh, share

GOLDEN = Path(__file__).parents[2] / "golden" / "community"


def cases(country: str) -> list[Any]:
    """The case folders of a country."""
    return [pytest.param(folder, id=folder.name) for folder in sorted((GOLDEN / country).iterdir())]


def load(folder: Path) -> tuple[Any, Any]:
    """A case's input and expected answer; every case says where the answer is from."""
    assert len((folder / "source.md").read_text(encoding="utf-8")) > 60
    return json.loads((folder / "input.json").read_text()), json.loads((folder / "expected.json").read_text())


def ints(rows: object) -> Ints:
    """Whole numbers of a case."""
    return np.array(rows, dtype=np.int64)


def test_no_case_is_lost() -> None:
    """Eleven Austrian and three Spanish cases are there."""
    assert (len(cases("austria")), len(cases("spain"))) == (11, 3)


@pytest.mark.parametrize("folder", cases("austria"))
def test_an_austrian_quarter_hour_is_shared_as_worked_out(folder: Path) -> None:
    """Own cover, surplus and, where told, shares are those of the case, to the watt-hour; and nothing is lost."""
    case, expected = load(folder)
    found = allocate(
        Key(case["key"]),
        measured(ints(case["consumed_wh"]), ints(case["produced_wh"])),
        ints(case["consumer_pct"]),
        ints(case["producer_pct"]),
        ints(case["shares_e6"]) if "shares_e6" in case else None,
    )
    assert found.own_cover_wh.tolist() == expected["own_cover_wh"]
    assert found.surplus_wh.tolist() == expected["surplus_wh"]
    assert found.share_wh.tolist() == expected.get("share_wh", expected["own_cover_wh"])
    assert (found.used_wh.sum(axis=1) == found.own_cover_wh.sum(axis=1)).all()
    assert (found.version == 1).all()


@pytest.mark.parametrize("folder", cases("spain"))
def test_spanish_hours_are_shared_and_compensated_as_worked_out(folder: Path) -> None:
    """ENG, AUTO, RED and EXC of each member, its cost, credit, bill and what the cap takes are those of the case."""
    case, expected = load(folder)
    generated, consumed = ints(case["generated_wh"]), ints(case["consumed_wh"])
    buy, sell = ints(case["buy_e4_per_mwh"]), ints(case["surplus_e4_per_mwh"])
    shared = share(generated, consumed, ints(case["e6"]))
    for name in ("allotted_wh", "own_wh", "from_grid_wh", "surplus_wh"):
        assert getattr(shared, name).tolist() == expected[name], name
    bills = [
        compensate(shared.from_grid_wh[:, k], shared.surplus_wh[:, k], buy, sell) for k in range(consumed.shape[1])
    ]
    for name in ("cost_e4", "credit_e4", "bill_e4", "lost_e4"):
        assert [getattr(bill, name) for bill in bills] == expected[name], name
    assert most_own_wh(generated, consumed).tolist() == expected["most_own_wh"]
