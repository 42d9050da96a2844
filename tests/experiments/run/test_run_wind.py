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
from market.uftp import AcceptedDisputed, FlexOrderSettlement, FlexSettlement, FlexSettlementResponse, Metering
from market.uftp.settlement import SettlementIsp
from tests import worlds

pytestmark = pytest.mark.slow
SITE_FILE = Path(worlds.__file__).parent / "wind_farm.yaml"
FARM = "ea1.2016-01.at.windfarm:farm"  # its connection
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

    That of the orders known when the ISP began, or as far beyond as those made while it ran; what the DSO's own limits took
    besides is told, in ISPs that it limited alone. All that was ordered counts as delivered.
    """
    metered_w, taken_w = metered_w_of(folder, "farm.wind", "Power"), metered_w_of(folder, FARM, "Limited")
    site = load_site(str(SITE_FILE))
    day = LocalDay(date(2016, 5, 20), site.timezone)
    could_w = History(site, load(site.profiles)).days("farm.wind", 1, day.next())[0]
    held = [row for row in settlement(folder).isps if could_w[row.start - 1] == -300_000]
    levels = promised(folder, day)
    assert len(held) >= 20
    assert {isp for isp, watts in enumerate(taken_w, start=1) if watts} <= limited_isps(folder)
    for row in held:
        before, running = levels[row.start]
        ordered_w = sum(moved_w for _, moved_w in before + running)
        assert row.actual_power_w == metered_w[row.start - 1]
        assert row.delivered_flex_power_w == row.ordered_flex_power_w == ordered_w > 0
        lower_w, upper_w = left_w(before), left_w(before + running)
        without_limit_w = row.actual_power_w - taken_w[row.start - 1]
        assert lower_w - STEP_W <= without_limit_w <= max(lower_w, upper_w) + STEP_W


def metered_w_of(folder: Path, ean: str, profile_type: str) -> tuple[int, ...]:
    """[T] watts of a profile that the farm told of its connection or of its turbine after the day."""
    told: list[Metering] = recorded(folder, "metering", "2016-05-20/farm.windfarm.example")
    (found,) = [message.profile(profile_type) for message in told if message.ean == ean]
    assert found is not None
    return tuple(found.values)


def limited_isps(folder: Path) -> set[int]:
    """The ISPs in which the DSO limited the farm by its own right."""
    with LedgerReader(folder / "ledger.db") as ledger:
        limits = [decode(record.body) for record in ledger.records(kind="feed-in-limit")]
    return {limit.isp for limit in limits if limit.usage_point == FARM and limit.limit_w is not None}


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
    """The turbine kept every level it was told and misses nothing, and is not fined.

    The portfolio, judged without what the DSO's limits took, is: only where its fine, for no more than was ordered, is less
    than its turbine asks for making up for the wind that nobody foresaw. All else that it missed cost less than a cent.
    """
    assert [row.power_deficiency_w for row in settlement(folder).isps if row.power_deficiency_w] == []
    assert settlement(folder).penalty == 0
    of_dso = recorded(folder, "flex-settlement", "2016-05-20/dso.windfarm.example/agr.windfarm.example")
    rows: dict[int, list[SettlementIsp]] = {}
    for row in (row for order in of_dso.order_settlements for row in order.isps):
        rows.setdefault(row.start, []).append(row)
    taken_w = metered_w_of(folder, FARM, "Limited")
    asked_e4, fined_e4, let_be_e4 = *prices_e4_per_kwh(folder), 0.0
    for isp, settled in rows.items():
        ordered_w = sum(row.ordered_flex_power_w for row in settled)
        missing_w = settled[0].baseline_power_w + ordered_w - (settled[0].actual_power_w - taken_w[isp - 1])
        if missing_w * asked_e4 > ordered_w * fined_e4:
            assert isp in limited_isps(folder)  # what nobody gave, the DSO took
            let_be_e4 += sum(row.power_deficiency_w for row in settled) * fined_e4 / 4000
    assert sum(order.penalty for order in of_dso.order_settlements) - let_be_e4 < 100


def prices_e4_per_kwh(folder: Path) -> tuple[int, int]:
    """What the turbine asks for being held back, and what the DSO fines what is missing with, by their contracts."""
    with LedgerReader(folder / "ledger.db") as ledger:
        contracts = [decode(record.body) for record in ledger.records(kind="contract")]
    (asked,) = [c.price_e4_per_kwh("farm.wind") for c in contracts if c.seller == "farm.windfarm.example"]
    (fined,) = {c.penalty_e4_per_kwh for c in contracts if c.buyer == "dso.windfarm.example"}
    return asked, fined


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
