"""`iles size`: page and JSON say what pays, and nothing else is cheaper."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cim.model.errors import BadInput
from environment.sites import load_site
from experiments.cli.island import size
from experiments.island.model import island_site
from experiments.island.size import limit_kw, size_battery


def test_what_pays_is_cheaper_than_none_and_than_what_stands_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """El Realengo over three days: the best of all on the curve, with its parts, its days and their weights."""
    size("el_realengo", days=3, out=tmp_path)
    found = json.loads((tmp_path / "size.json").read_text(encoding="utf-8"))
    best = found["best"]["total"]
    assert best <= found["none"]["total"] + 0.01
    assert best <= found["present"]["total"] + 0.01
    assert all(best <= one["total"] + 0.01 for one in found["curve"])
    assert (
        found["curve"][0]["unserved"] < found["none"]["unserved"]
    )  # an island that a battery forms has at least the sun
    assert (found["present"]["energy_kwh"], found["present"]["power_kw"]) == (200, 60)
    assert found["none"]["unserved"] > found["present"]["unserved"]
    assert sum(found["weights"]) == 365
    site = load_site("el_realengo")
    low = site.network.low_voltage
    assert low is not None
    assert low.transformer_va is not None
    assert found["limit_kw"] == low.transformer_va.value / 1000 * site.limits.max_loading_pct.value / 100
    assert "pays best" in capsys.readouterr().out
    assert "Which battery pays" in (tmp_path / "size.html").read_text(encoding="utf-8").replace("which", "Which")


def test_a_line_carries_its_current_at_nominal_voltage() -> None:
    """33 A at 20 kV are 1,143 kW at Strem's feeder."""
    assert limit_kw(island_site("strem")) == pytest.approx(1143.15, abs=0.01)


def test_without_prices_nothing_can_be_sized() -> None:
    """One sentence that names what is missing."""
    model = island_site("el_realengo")
    bare = replace(model, plan=model.plan.model_copy(update={"sizing": None}))
    with pytest.raises(BadInput, match=r"islanding\.sizing: missing; expected what a battery costs"):
        size_battery(bare, 3)
