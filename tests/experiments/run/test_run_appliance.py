"""A house with a washing machine runs end to end: told when it is ready, started by order, metered, settled and paid."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import agents.assembly.wire_types  # noqa: F401 - what the ledger holds must be readable
from cim.codec.codec import decode
from market.ledger.reader import LedgerReader
from market.uftp import AcceptedDisputed, FlexSettlement, FlexSettlementResponse
from tests import worlds

pytestmark = pytest.mark.slow
READY_HOUR, LATEST_END_HOUR, RATED_W = 7, 20, 2000
PAIR = "2016-05-20/agr.windfarm.example/house.windfarm.example"


def site() -> dict[str, Any]:
    """The site of the wind tests with a PV field in place of the turbine, and a washing machine in the house."""
    raw: dict[str, Any] = yaml.safe_load((Path(worlds.__file__).parent / "wind_farm.yaml").read_text(encoding="utf-8"))
    farm, house = raw["prosumers"]
    farm["devices"] = [{"name": "pv", "kind": "pv", "rated_w": assumed(560_000), "column": "PV8", "sunspec": "123"}]
    house["devices"].append(
        {
            "name": "washer",
            "kind": "appliance",
            "rated_w": assumed(RATED_W),
            "ready_hour": assumed(READY_HOUR),
            "latest_end_hour": assumed(LATEST_END_HOUR),
            "programme": [
                {"minutes": assumed(30), "power_w": assumed(RATED_W)},
                {"minutes": assumed(90), "power_w": assumed(200)},
            ],
        }
    )
    return raw


def assumed(value: float) -> dict[str, object]:
    """A number of a site file."""
    return {"value": value, "assumed": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a day on which the sun turns out stronger than foreseen, so that the DSO orders until noon."""
    home = tmp_path_factory.mktemp("washer")
    (home / "site.yaml").write_text(yaml.safe_dump(site()), encoding="utf-8")
    arguments = ["run", home / "site.yaml", "--runtime", "local", "--seed", "4", "--out", home / "out"]
    command = [sys.executable, "-m", "experiments.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return home / "out"


def recorded(folder: Path, kind: str, key: str) -> Any:
    """What the ledger holds under a key."""
    with LedgerReader(folder / "ledger.db") as ledger:
        (record,) = [record for record in ledger.records(kind=kind) if record.key == key]
    return decode(record.body)


def metered_w(folder: Path) -> list[int]:
    """What the washing machine drew in each ISP."""
    told = recorded(folder, "metering", "2016-05-20/house.windfarm.example")
    (washer,) = [message for message in told if message.ean == "house.washer"]
    return list(washer.profile("Power").values)


def test_the_day_ends_well(folder: Path) -> None:
    """No limit is exceeded with flexibility, nobody disputes, and the ledger verifies."""
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["agents"]["appliance"] == 1
    assert summary["grid"]["violations"]["without_flexibility"] > 5
    assert summary["grid"]["violations"]["with_flexibility"] == 0
    assert summary["disputes"] == 0
    assert summary["money"]["sum"] == 0
    assert summary["ledger"]["verified"]


def test_it_runs_once_whole_and_earlier_than_by_itself(folder: Path) -> None:
    """Half an hour of 2 kW and an hour and a half of 200 W, from the begin of an ISP on, before its latest start."""
    drawn = metered_w(folder)
    start = int(np.flatnonzero(drawn)[0])
    assert drawn[start : start + 8] == [RATED_W, RATED_W, 200, 200, 200, 200, 200, 200]
    assert sum(drawn) == 2 * RATED_W + 6 * 200
    midnight = datetime(2016, 5, 19, 22, tzinfo=UTC)
    begun = midnight + start * timedelta(minutes=15)
    assert midnight + timedelta(hours=READY_HOUR) <= begun < midnight + timedelta(hours=LATEST_END_HOUR - 2)


def test_what_it_was_ordered_to_draw_is_settled_and_paid(folder: Path) -> None:
    """Its part of the settlement: nothing before, all of it in the ISPs that were asked for, and the house agrees."""
    message = recorded(folder, "flex-settlement", PAIR)
    assert isinstance(message, FlexSettlement)
    parts = {order.order_reference: order for order in message.order_settlements}
    rows, drawn = parts["2016-05-20/house.washer"].isps, metered_w(folder)
    assert len(rows) >= 1
    for row in rows:
        assert row.baseline_power_w == 0
        assert row.ordered_flex_power_w == row.actual_power_w == drawn[row.start - 1] > 0
        assert row.power_deficiency_w == 0
    answer = recorded(folder, "flex-settlement-response", PAIR)
    assert isinstance(answer, FlexSettlementResponse)
    assert {status.disposition for status in answer.statuses} == {AcceptedDisputed.ACCEPTED}
    paid = {payment.reason: payment.amount for payment in recorded(folder, "remuneration", PAIR)}
    assert paid["utilisation"] > 0


def test_the_report_shows_it(folder: Path) -> None:
    """The balance by kind has a series of that name."""
    page = (folder / "report.html").read_text(encoding="utf-8")
    start = page.index('Plotly.newPlot("fig-kinds"')
    assert '"name":"appliances"' in page[start : page.index("</script>", start)]
