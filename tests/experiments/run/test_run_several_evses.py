"""A day with a charging station of two EVSEs: each is steered, metered and settled by itself, whatever carries the frames."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import yaml

from cim.model.arrays import Floats
from cim.platform.memory_store import MemoryStore
from cim.platform.publications.settlement import SettlementTold
from cim.platform.store import values
from experiments.run.run import RunResult
from tests.worlds.market_days import head_and_money, market_day, park_with_one_charger

_DAY = date(
    2016, 4, 15
)  # a vehicle at each EVSE in the morning, the first one there until 18:00, and the noon is sunny
_FIRST, _SECOND = "charging-park.station-1", "charging-park.station-2"
_LIMIT_W, _RATED_W = 33_000, 22_000


def _day(folder: Path, wire: str, ocpp: str | None = None) -> tuple[RunResult, MemoryStore, str]:
    folder.mkdir(exist_ok=True)
    path = park_with_one_charger(folder)
    if ocpp is not None:
        site = yaml.safe_load(path.read_text(encoding="utf-8"))
        park = next(prosumer for prosumer in site["prosumers"] if prosumer["name"] == "charging-park")
        park["charging_stations"][0]["ocpp"] = ocpp
        path.write_text(yaml.safe_dump(site, sort_keys=False), encoding="utf-8")
    store = MemoryStore(keep_readings=False)
    result = market_day(path, folder / "out", store, wire=wire, day=_DAY)
    head, money = head_and_money(folder / "out", result)
    assert money["sum"] == 0
    return result, store, head


def _moved(result: RunResult, store: MemoryStore) -> tuple[Counter[str], dict[str, Floats]]:
    """Wh ordered and delivered by element and word, and the ordered power of each ISP by element."""
    buyers = {party.domain for party in result.site.aggregators}
    wh: Counter[str] = Counter()
    when: dict[str, Floats] = {name: np.zeros(96) for name in (_FIRST, _SECOND)}
    for told in values(store, SettlementTold):
        for order in told.orders if told.buyer in buyers else ():
            name = order.congestion_point
            wh[f"{name} ordered"] += sum(abs(row.ordered_flex_power_w) for row in order.isps) // 4
            wh[f"{name} delivered"] += sum(abs(row.delivered_flex_power_w) for row in order.isps) // 4
            for row in order.isps if name in when else ():
                when[name][row.start - 1] += row.ordered_flex_power_w
    return wh, when


@pytest.mark.slow
def test_one_evse_delivers_an_order_while_the_other_charges(tmp_path: Path) -> None:
    """On a CONSTRUCTED day the first EVSE is ordered and delivers it; the second charges at its rating meanwhile, with no order.

    Over sockets, where one station dials in for both, the ledger's head is the same; so it is if that speaks OCPP 1.6.
    """
    result, store, head = _day(tmp_path / "direct", "direct")
    wh, when = _moved(result, store)
    assert wh[f"{_FIRST} ordered"] > 1_000
    assert wh[f"{_FIRST} delivered"] >= 0.9 * wh[f"{_FIRST} ordered"]
    assert wh[f"{_SECOND} ordered"] == 0
    first_w, second_w = (result.devices.power_w[name] for name in (_FIRST, _SECOND))
    both = (when[_FIRST] != 0) & (second_w > 0.99 * _RATED_W)
    assert both.sum() >= 2, "the second one charges as fast as it may in ISPs in which the first one is under its order"
    assert (first_w + second_w).max() <= _LIMIT_W + 1
    assert result.devices.unserved_ev_wh < 100
    assert _day(tmp_path / "tcp", "tcp")[2] == head


@pytest.mark.slow
@pytest.mark.parametrize("ocpp", ["1.6", "2.1"])
def test_the_other_versions_carry_the_same_day(tmp_path: Path, ocpp: str) -> None:
    """Whatever version the station speaks, both EVSEs' vehicles have what they want, and what is ordered is delivered.

    In 1.6 nobody tells what a vehicle needs, and of what is assumed nothing is ordered on this day.
    """
    result, store, _ = _day(tmp_path, "tcp", ocpp)
    wh, _ = _moved(result, store)
    ordered, delivered = (wh[f"{_FIRST} {word}"] + wh[f"{_SECOND} {word}"] for word in ("ordered", "delivered"))
    assert (ordered > 1_000) is (ocpp != "1.6")
    assert delivered >= 0.9 * ordered
    assert all(result.devices.power_w[name].max() > 0 for name in (_FIRST, _SECOND))
    assert result.devices.unserved_ev_wh < 100
