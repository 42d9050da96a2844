"""A scenario's scores: worked out by hand from small columns, and the gap that is told as closed."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from experiments.cli.main import main
from experiments.report.data import RunData
from experiments.report.kpi import section
from experiments.run import run_command
from experiments.run.columns.column import Column, ColumnName
from experiments.run.columns.models import ColumnFigures
from experiments.run.scenarios import Kpi, kpi_of, used_here_pct
from experiments.run.settings import RunSettings, ScenarioName

HOURS = 0.25


def column(plant_w: list[int], home_w: list[int], pv_w: list[int]) -> Column:
    """What two connections drew and the plant generated (negative), ISP by ISP."""
    zero = np.zeros(len(plant_w), dtype=np.int64)
    truth = {"plant": (np.array(plant_w), zero), "home": (np.array(home_w), zero)}
    by_kind = {"pv": np.array(pv_w, dtype=float), "load": np.array(plant_w) + np.array(home_w) - np.array(pv_w)}
    devices = SimpleNamespace(power_w={}, kinds={})
    return cast(Column, SimpleNamespace(truth=truth, by_kind=by_kind, devices=devices, balancing=None))


def figures(over_limit_wh: int) -> ColumnFigures:
    """Those of a column that is so far above its limits; 12 EUR of bills, 0.5 EUR of the DSO's."""
    names = ColumnFigures.model_fields
    given = {name: 0 for name, field in names.items() if field.is_required()}
    return ColumnFigures.model_validate(
        given | {"over_limit_wh": over_limit_wh, "bills_sum": 120_000, "dso_cost": 5_000, "generation_lost_wh": 2_500}
    )


SUNNY = column([-4000, -4000, 1000], [1000, 5000, 1000], [-4000, -4000, 0])
COLUMNS = dict.fromkeys(ColumnName, SUNNY)


def kpi(scenario: ScenarioName, **over_limit_wh: int) -> Kpi:
    """The scores where each column is so far above its limits."""
    return kpi_of(
        scenario, COLUMNS, {name: figures(over_limit_wh.get(name.value, 0)) for name in ColumnName}, HOURS, 0.95
    )


def test_what_is_used_here_is_what_the_site_does_not_export() -> None:
    """Of twice 4 kW the neighbour took 1 and then all: 3 of 8 left the site, 62.5 % stayed; nothing made is nothing used."""
    assert used_here_pct(SUNNY, HOURS) == 62.5
    assert used_here_pct(column([0, 0], [1000, 1000], [0, 0]), HOURS) == 0.0
    assert used_here_pct(column([-1000, -1000], [0, 0], [-1000, -1000]), HOURS) == 0.0


def test_congestion_counts_what_is_above_limits() -> None:
    """Scores are minus kVAh; from 40 to 0 with foresight, 10 flexible: three quarters of the gap are closed."""
    found = kpi(ScenarioName.CONGESTION, local=40_000, market=10_000, idle=60_000)
    scores = (found.no_control, found.local_control, found.flexible, found.perfect_foresight)
    assert [one.score for one in scores] == [-60, -40, -10, 0]
    assert found.gap_closed == 0.75
    assert str(found.perfect_foresight.score) == "0.0"
    assert (found.flexible.bills_eur, found.flexible.dso_cost_eur, found.flexible.not_used_kwh) == (12.0, 0.5, 2.5)
    assert kpi(ScenarioName.CONGESTION, local=40_000, market=60_000).gap_closed == -0.5


@pytest.mark.parametrize(
    ("scenario", "figure"), [(ScenarioName.ISLANDING, "promised_not_served_kwh"), (ScenarioName.MARKET, "energy_eur")]
)
def test_what_a_scenario_alone_counts_is_its_score(scenario: ScenarioName, figure: str) -> None:
    """Minus the figure that its judge gives; from 8 to 2 with foresight, 5 flexible: half of the gap; others lack the figure."""
    counts = {ColumnName.LOCAL: 8.0, ColumnName.MARKET: 5.0, ColumnName.IDLE: 9.0, ColumnName.FORESIGHT: 2.0}
    of_columns = {name: figures(0) for name in ColumnName}
    found = kpi_of(scenario, COLUMNS, of_columns, HOURS, 0.95, lambda name, _: {figure: counts[name]})
    scores = (found.no_control, found.local_control, found.flexible, found.perfect_foresight)
    assert [one.score for one in scores] == [-9, -8, -5, -2]
    assert getattr(found.flexible, figure) == 5.0
    assert found.gap_closed == 0.5
    assert getattr(kpi(ScenarioName.CONGESTION).flexible, figure) is None


@pytest.mark.parametrize(("foresight_wh", "told"), [(39_600, False), (39_500, True), (40_000, False), (45_000, False)])
def test_a_gap_that_is_hardly_one_is_not_told(foresight_wh: int, told: bool) -> None:
    """Foresight must be above local rules by more than a hundredth of their score."""
    found = kpi(ScenarioName.CONGESTION, local=40_000, market=39_700, foresight=foresight_wh)
    assert (found.gap_closed is not None) == told


def test_self_consumption_counts_what_is_used_here() -> None:
    """The score is the share that served need, whatever the limits: of 8 the neighbour took 1 and then 4."""
    found = kpi(ScenarioName.SELF_CONSUMPTION, local=40_000)
    assert found.flexible.score == found.flexible.own_use_pct == found.flexible.used_here_pct == 62.5
    assert found.local_control.over_limit_kwh == 40
    assert found.gap_closed is None


def test_the_report_has_the_table_only_where_it_was_asked_for() -> None:
    """Scenario, share of the gap and each column's score stand in it; without a scenario there is none."""
    asked = kpi(ScenarioName.CONGESTION, local=40_000, market=10_000).model_dump()
    page = section(cast(RunData, SimpleNamespace(summary={"kpi": asked})))
    assert "Scenario congestion: 75 % of the gap from local rules to foresight closed" in page
    assert page.count("<tr") == 10
    assert section(cast(RunData, SimpleNamespace(summary={"kpi": None}))) == ""


def test_the_option_arrives(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`--scenario congestion` is in the settings; others are refused with those there are, and so is one in a study."""
    heard: list[RunSettings] = []
    monkeypatch.setattr(run_command, "execute", heard.append)
    for arguments, code in (
        (("--scenario", "congestion"), 0),
        (("--scenario", "islanding"), 0),
        (("--scenario", "islands"), 2),
        (("--scenario", "congestion", "--seeds", "1-2"), 2),
    ):
        monkeypatch.setattr(sys, "argv", ["iles", "run", "el_realengo", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == code
    assert [settings.scenario for settings in heard] == ["congestion", "islanding"]
    said = capsys.readouterr().err
    assert "self-consumption" in said
    assert "expected a single run" in said
