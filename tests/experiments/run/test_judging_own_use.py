"""How much of its generation a site used itself: by hand, and none for what only hides generation from the meter."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from cim.model.arrays import Floats
from environment.physics import UnitKind
from experiments.run.columns.column import Column
from experiments.run.judging.own_use import own_use_pct, stored_more_wh

HOURS, ETA = 1.0, 0.9


def column(sun: list[float], load: list[float], battery: list[float], **kinds: list[float]) -> Column:
    """One connection, hour by hour, + = consumption; `kinds`: heat pumps and vehicles."""
    powers = {"pv": -np.array(sun), "load": np.array(load), "battery": np.array(battery)}
    powers |= {name: np.array(row) for name, row in kinds.items()}
    net = np.sum(list(powers.values()), axis=0)
    devices = SimpleNamespace(power_w={"b": powers["battery"]}, kinds={"b": UnitKind.BATTERY})
    return cast(Column, SimpleNamespace(truth={"home": (net, net * 0)}, by_kind=powers, devices=devices))


def share(one: Column, idle: Column) -> float:
    """With batteries of 90 % each way."""
    return own_use_pct(one, idle, HOURS, ETA)


IDLE = column([1000, 0], [200, 700], [0, 0])


def test_what_is_needed_less_what_is_imported() -> None:
    """Of 1000 Wh 200 serve the load at noon; a battery brings 600 to the evening, and what it loses serves nobody."""
    assert share(IDLE, IDLE) == 20.0
    stored = 600 / ETA**2
    assert share(column([1000, 0], [200, 700], [stored, -600]), IDLE) == 80.0
    assert share(column([0, 0], [200, 700], [0, 0]), column([0, 0], [200, 700], [0, 0])) == 0.0


def test_to_hide_generation_from_the_meter_is_no_use() -> None:
    """A battery that is filled and kept full, a house that is heated more than by itself, and curtailing gain nothing."""
    kept = column([1000, 0], [200, 700], [800, 0])
    hot = column([1000, 0], [200, 700], [0, 0], heat_pump=[800, 0])
    curtailed = column([200, 0], [200, 700], [0, 0])
    assert [share(one, IDLE) for one in (kept, hot, curtailed)] == [20.0, 20.0, 20.0]


def test_to_move_what_is_needed_is_use_and_to_leave_it_out_is_not() -> None:
    """A vehicle that charges 300 Wh at noon instead of the evening uses them; one that does not charge at all uses nothing."""
    idle = column([1000, 0], [200, 700], [0, 0], ev=[0, 300])
    assert share(idle, idle) == 20.0
    assert share(column([1000, 0], [200, 700], [0, 0], ev=[300, 0]), idle) == 50.0
    assert share(column([1000, 0], [200, 700], [0, 0], ev=[0, 0]), idle) == 20.0


def test_what_a_battery_held_in_the_morning_is_not_the_day_s() -> None:
    """It gives 600 Wh of yesterday's in the evening: nothing of today's is used more; put back at noon, it is."""
    assert share(column([1000, 0], [200, 700], [0, -600]), IDLE) == pytest.approx(20.0)
    half = column([1000, 0], [200, 700], [300 / ETA**2, -600])
    assert stored_more_wh(half, HOURS, ETA) == pytest.approx(-300 / ETA)
    assert share(half, IDLE) == pytest.approx(50.0)


def test_batteries_that_work_against_each_other_are_counted_each_by_itself() -> None:
    """One takes 100 Wh while another gives them: 90 are stored and 111 taken out."""
    powers: dict[str, Floats] = {"b": np.array([100.0]), "c": np.array([-100.0])}
    devices = SimpleNamespace(power_w=powers, kinds=dict.fromkeys(powers, UnitKind.BATTERY))
    both = cast(Column, SimpleNamespace(devices=devices))
    assert stored_more_wh(both, HOURS, ETA) == pytest.approx(90 - 100 / 0.9)
