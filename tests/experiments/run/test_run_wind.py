"""A site with a wind turbine runs end to end: the turbine is curtailed by order, metered and settled."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import agents.assembly.wire_types  # noqa: F401 - what the ledger holds must be readable
from cim.codec.codec import decode
from cim.model.intervals import LocalDay
from environment.profiles.history import History
from environment.profiles.library import load
from environment.sites import load_site
from market.ledger.reader import LedgerReader
from market.uftp import AcceptedDisputed, FlexOrderSettlement, FlexSettlement, FlexSettlementResponse
from tests import worlds

pytestmark = pytest.mark.slow
SITE_FILE = Path(worlds.__file__).parent / "wind_farm.yaml"
STEP_W = 300  # the device takes its limit in whole thousandths of its rating of 300 kW


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the site's default day."""
    out = tmp_path_factory.mktemp("wind") / "out"
    command = [sys.executable, "-m", "experiments.cli.main", "run", str(SITE_FILE), "--runtime", "local", "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def recorded(folder: Path, kind: str, key: str) -> Any:
    """What the ledger holds under a key."""
    with LedgerReader(folder / "ledger.db") as ledger:
        (record,) = [record for record in ledger.records(kind=kind) if record.key == key]
    return decode(record.body)


def test_the_wind_congests_the_transformer_and_orders_take_most_of_it_away(folder: Path) -> None:
    """At least three of four violations are gone; the rest is the gust that no forecast saw in time."""
    summary = json.loads((folder / "summary.json").read_text())
    violations = summary["grid"]["violations"]
    assert violations["without_flexibility"] >= 30
    assert violations["with_flexibility"] <= violations["without_flexibility"] / 4
    assert summary["agents"]["generator"] == 2
    assert summary["ledger"]["verified"]
    assert summary["disputes"] == 0
    assert summary["money"]["sum"] == 0


def test_the_turbine_is_held_below_its_wind_where_it_is_ordered_to(folder: Path) -> None:
    """At full wind it gives up at least what was ordered, at most twice that, and between these holds the newest level.

    That of the orders known when the ISP began, or as far beyond as those made while it ran. All that was ordered counts
    as delivered.
    """
    told = recorded(folder, "metering", "2016-05-20/farm.windfarm.example")
    (wind,) = [message for message in told if message.ean == "farm.wind"]
    metered_w = np.array(wind.profile("Power").values)
    site = load_site(str(SITE_FILE))
    day = LocalDay(date(2016, 5, 20), site.timezone)
    could_w = History(site, load(site.profiles)).days("farm.wind", 1, day.next())[0]
    held = [row for row in settlement(folder).isps if could_w[row.start - 1] == -300_000]
    levels = promised(folder, day)
    assert len(held) >= 20
    for row in held:
        before, running = levels[row.start]
        ordered_w = sum(moved_w for _, moved_w in before + running)
        assert row.actual_power_w == metered_w[row.start - 1]
        assert row.delivered_flex_power_w == row.ordered_flex_power_w == ordered_w > 0
        lower_w, upper_w = left_w(before), left_w(before + running)
        assert lower_w - STEP_W <= row.actual_power_w <= max(lower_w, upper_w) + STEP_W


def left_w(orders: list[tuple[int, int]]) -> float:
    """What orders leave of full wind: their newest level, as far as it takes between once and twice what they moved."""
    moved_w = sum(moved for _, moved in orders)
    return float(np.clip(orders[-1][0], -300_000 + moved_w, -300_000 + 2 * moved_w))


def promised(folder: Path, day: LocalDay) -> dict[int, tuple[list[tuple[int, int]], list[tuple[int, int]]]]:
    """ISP -> its orders of the turbine made before it began and while it ran: (level held to, moved), watts, by time."""
    found: dict[int, tuple[list[tuple[int, int]], list[tuple[int, int]]]] = {}
    with LedgerReader(folder / "ledger.db") as ledger:
        made = {record.key: decode(record.body) for record in ledger.records(kind="member-order")}
        splits = [(record.key, decode(record.body)) for record in ledger.records(kind="order-split")]
    for key, parts in sorted(splits, key=lambda split: made[split[0]].header.time_stamp):
        for isp, baseline_w, moved_w in (row for part in parts if part.element == "farm.wind" for row in part.isps):
            while_running = made[key].header.time_stamp >= day.isp_start(isp)
            found.setdefault(isp, ([], []))[while_running].append((baseline_w + moved_w, moved_w))
    return found


def settlement(folder: Path) -> FlexOrderSettlement:
    """The turbine's part of the aggregator's settlement with the farm."""
    message = recorded(folder, "flex-settlement", "2016-05-20/agr.windfarm.example/farm.windfarm.example")
    assert isinstance(message, FlexSettlement)
    (order,) = message.order_settlements
    return order


def test_who_keeps_its_levels_is_not_fined(folder: Path) -> None:
    """The turbine kept every level it was told and misses nothing; what the portfolio missed cost it less than a cent."""
    assert [row.power_deficiency_w for row in settlement(folder).isps if row.power_deficiency_w] == []
    assert settlement(folder).penalty == 0
    of_dso = recorded(folder, "flex-settlement", "2016-05-20/dso.windfarm.example/agr.windfarm.example")
    assert sum(order.penalty for order in of_dso.order_settlements) < 100


def test_what_was_curtailed_is_settled_and_the_farm_agrees(folder: Path) -> None:
    """The farm answers the settlement of its turbine with Accepted, and is paid for it."""
    assert settlement(folder).order_reference == "2016-05-20/farm.wind"
    answer = recorded(folder, "flex-settlement-response", "2016-05-20/agr.windfarm.example/farm.windfarm.example")
    assert isinstance(answer, FlexSettlementResponse)
    assert [status.disposition for status in answer.statuses] == [AcceptedDisputed.ACCEPTED]
    payments = recorded(folder, "remuneration", "2016-05-20/agr.windfarm.example/farm.windfarm.example")
    paid = {payment.reason: payment.amount for payment in payments}
    assert paid["utilisation"] > 0


def test_the_report_shows_the_wind(folder: Path) -> None:
    """The balance by kind has a series of that name, in both panels."""
    page = (folder / "report.html").read_text(encoding="utf-8")
    start = page.index('Plotly.newPlot("fig-kinds"')
    figure = page[start : page.index("</script>", start)]
    assert figure.count('"name":"wind"') == 2
