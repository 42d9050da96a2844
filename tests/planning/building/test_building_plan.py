"""A building's plan is its kernels' where they apply, keeps what it must, and says which constraint broke where none can."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.planning.building.plan import plan, stored_kwh, unserved_kwh
from agents.planning.building.problem import (
    Building,
    HomeBattery,
    HomePlant,
    HomeRoom,
    HomeVehicle,
    NoBuildingPlan,
)
from agents.planning.dispatch.packed.central import dispatch_few
from agents.planning.dispatch.packed.coupling import Coupling
from agents.planning.dispatch.packed.members import Members, PackedHost, Rating
from agents.planning.microgrid.problem import NoPlan
from cim.model.arrays import Floats
from cim.model.errors import BadInput
from experiments.bench.dispatch import problem

FAR_KW = 1e3


def building(price: Floats, load_kw: float = 1.0) -> Building:
    """One price for both ways, a connection that never binds, and no device."""
    every = np.ones(len(price))
    return Building(0.25, load_kw * every, price, price, FAR_KW * every, FAR_KW * every)


def of_member(members: Members, k: int, price: Floats) -> Building:
    """A member of the packed dispatch as a building of its own."""
    r = members.ratings[k]
    stored, capacity = float(r[Rating.ENERGY]), float(r[Rating.CAPACITY])
    battery = HomeBattery(*(float(r[c]) for c in range(4)), 0.95, 0.95, stored, capacity, end_kwh=stored)
    window = int(r[Rating.ARRIVAL]), int(r[Rating.DEPARTURE])
    vehicle = HomeVehicle(
        float(r[Rating.VEHICLE_CURVATURE]), *window, float(r[Rating.VEHICLE_KW]), float(r[Rating.VEHICLE_ENERGY])
    )
    plant = HomePlant(float(r[Rating.PV_CURVATURE]), members.available_kw[k])
    return replace(building(price), load_kw=members.load_kw[k], battery=battery, vehicle=vehicle, plant=plant)


def room(length: int = 12, most_kw: float = 3.0, outside_c: float = 0.0) -> HomeRoom:
    """A house of 6 kWh/K in air and walls that loses 0.1 kW/K, at 20 degrees."""
    every = np.ones(length)
    return HomeRoom(
        20.0, 20.0, 1.0, 5.0, 0.5, 10.0, outside_c * every, 0 * every, most_kw, 3.0 * every, 19.5 * every, 22.0 * every
    )


@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_with_the_fast_kernels(seed: int) -> None:
    """Battery by dynamic programming, vehicle by water-filling, plant by clipping: each power within 1e-4 of OSQP's."""
    members = problem.members(seed, 0, 3)
    price = problem.coupling(seed, 3).price_ct_per_kwh - (
        15.0 if seed % 2 else 0.0
    )  # half the days have prices below zero
    fast = PackedHost(members).profiles(price)
    for k in range(3):
        made = plan(of_member(members, k, price))
        for ours, theirs in zip(fast[k], (made.battery_kw, made.vehicle_kw, made.curtailed_kw), strict=True):
            assert np.abs(ours - theirs).max() < 1e-4


def test_it_agrees_with_one_member_under_caps() -> None:
    """One building is a community of one: with a cap that binds its cost is the dispatch's, but for the peak's."""
    members, t = problem.members(3, 0, 1), problem.T
    price = problem.coupling(3, 1).price_ct_per_kwh
    caps = np.full(t, 2.0)
    whole = replace(of_member(members, 0, price), import_kw=caps, export_kw=caps)
    made = plan(whole)
    found, _ = dispatch_few(members, Coupling(price, 1e-9, caps, caps, 0.25))
    assert np.abs(made.net_kw).max() == pytest.approx(2.0, abs=1e-4), "the case is one in which a cap binds"
    assert made.cost_ct == pytest.approx(found.cost_ct, rel=1e-6)


def test_a_room_is_kept_comfortable_by_the_cheap_hours() -> None:
    """Cheap hours then dear ones: it heats up in the first, and every temperature follows from the heat by the equations."""
    price = np.array([5.0] * 6 + [40.0] * 6)
    house = room()
    made = plan(replace(building(price), room=house))
    assert made.heating_kw[:6].sum() > 2 * made.heating_kw[6:].sum()
    assert made.air_c.min() >= 19.5 - 1e-4
    air, walls = 20.0, 20.0
    for t in range(12):  # the same two equations solved anew
        left = np.array([[1.0 / 0.25 + 1 / 0.5 + 1 / 10.0, -1 / 0.5], [-1 / 0.5, 5.0 / 0.25 + 1 / 0.5]])
        air, walls = np.linalg.solve(left, [air / 0.25 + 3.0 * made.heating_kw[t], 5.0 * walls / 0.25])
        assert made.air_c[t] == pytest.approx(air, abs=1e-4)


def test_a_battery_buys_cheap_and_uses_dear_under_two_prices() -> None:
    """Buying at 30 and selling at 5: it takes of its load only, by hand: nothing is sold."""
    t = 8
    home = replace(
        building(np.array([10.0] * 4 + [30.0] * 4)), sell_ct_per_kwh=np.full(t, 5.0),
        battery=HomeBattery(1e-4, 0.01, 2.0, 2.0, 0.9, 0.9, 0.0, 2.0, 0.0),
    )  # fmt: skip
    made = plan(home)
    assert made.net_kw.min() >= -1e-5
    assert made.net_kw[4:].max() <= 1e-4
    assert stored_kwh(home, made)[3] == pytest.approx(1.0 / 0.9, abs=1e-4)


def _refused(home: Building) -> NoBuildingPlan:
    with pytest.raises(NoBuildingPlan) as told:
        plan(home)
    assert isinstance(told.value, NoPlan)
    return told.value


def test_a_load_above_its_cap_is_named_with_its_intervals_and_the_rest_is_kept() -> None:
    """4 kW of load behind a cap of 3 kW in two intervals: 1 kW beyond, there alone, and no device makes it worse."""
    load = np.array([1.0, 4.0, 4.0, 1.0])
    home = replace(building(np.full(4, 20.0)), load_kw=load, import_kw=np.full(4, 3.0))
    home = replace(home, vehicle=HomeVehicle(0.1, 0, 4, 5.0, 1.0))
    refused = _refused(home)
    (broken,) = refused.broken
    assert (broken.constraint, broken.isps, broken.unit) == ("import_kw", (1, 2), "kW")
    assert broken.most == pytest.approx(1.0, abs=1e-4)
    assert str(refused).startswith("building: import_kw is missed by 1 kW in 2 intervals from 1 to 2; expected")
    assert refused.safe.net_kw == pytest.approx([3.0, 4.0, 4.0, 3.0], abs=1e-4)
    assert unserved_kwh(home, refused.safe) == pytest.approx(0.0, abs=1e-4)


def test_a_vehicle_that_cannot_be_served_is_named_and_charged_all_the_time() -> None:
    """10 kWh in an hour of 5 kW: 5 kWh are missing, the rest is charged at full power."""
    home = replace(building(np.full(8, 20.0)), vehicle=HomeVehicle(0.1, 2, 6, 5.0, 10.0))
    refused = _refused(home)
    assert [(b.constraint, b.isps) for b in refused.broken] == [("vehicle.energy_kwh", ())]
    assert refused.broken[0].most == pytest.approx(5.0, abs=1e-4)
    assert refused.safe.vehicle_kw == pytest.approx([0, 0, 5, 5, 5, 5, 0, 0], abs=1e-4)


def test_the_connection_goes_before_what_people_wish() -> None:
    """A cap that leaves half of what a vehicle needs: the vehicle goes short, the cap is kept."""
    home = replace(building(np.full(4, 20.0)), import_kw=np.full(4, 3.0), vehicle=HomeVehicle(0.1, 0, 4, 5.0, 4.0))
    refused = _refused(home)
    assert [b.constraint for b in refused.broken] == ["vehicle.energy_kwh"]
    assert refused.broken[0].most == pytest.approx(2.0, abs=1e-4)
    assert refused.safe.net_kw.max() <= 3.0 + 1e-4


def test_a_room_too_cold_to_heat_is_named_with_its_kelvin() -> None:
    """A heat pump of nothing at -10 degrees: comfort is missed from the interval on in which the equations say so."""
    refused = _refused(replace(building(np.full(12, 20.0)), room=room(most_kw=0.0, outside_c=-10.0)))
    (broken,) = refused.broken
    assert (broken.constraint, broken.unit) == ("room.low_c", "K")
    assert broken.isps[-1] == 11
    assert broken.most == pytest.approx(19.5 - refused.safe.air_c[-1], abs=1e-4)


def test_a_battery_that_cannot_end_as_asked_comes_as_near_as_it_can() -> None:
    """From 2 to 9 kWh in an hour of 2 kW at 0.9: it ends at 3.8 and lacks 5.2; its own limits are never given up."""
    home = replace(building(np.full(4, 20.0)), battery=HomeBattery(0.1, 0.1, 2.0, 2.0, 0.9, 0.9, 2.0, 10.0, 9.0, 1.0))
    refused = _refused(home)
    assert [b.constraint for b in refused.broken] == ["battery.end_kwh"]
    assert refused.broken[0].most == pytest.approx(5.2, abs=1e-4)
    assert refused.safe.battery_kw == pytest.approx([2.0] * 4, abs=1e-4)


@pytest.mark.parametrize("price", [-10.0, -50.0])
def test_a_battery_never_does_both_at_once_below_zero(price: float) -> None:
    """By its net power alone it ends as asked."""
    home = replace(
        building(price + 5 * np.sin(np.arange(12))), battery=HomeBattery(0.02, 0.05, 5, 5, 0.95, 0.95, 5, 10, 5)
    )
    made = plan(home)
    assert stored_kwh(home, made)[-1] == pytest.approx(5.0, abs=1e-4)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"load_kw": np.ones(3)}, "buy_ct_per_kwh has 4 intervals; expected 3"),
        ({"sell_ct_per_kwh": np.full(4, 21.0)}, r"sell_ct_per_kwh\[0\] is 21, above buying at 20"),
        ({"import_kw": np.array([1.0, np.nan, 1.0, 1.0])}, r"import_kw\[1\] is no number"),
    ],
)
def test_what_is_no_building_is_refused(changed: dict[str, Floats], said: str) -> None:
    """Another length, an arbitrage or no number: the sentence names the field."""
    with pytest.raises(BadInput, match=said):
        replace(building(np.full(4, 20.0)), **changed)  # type: ignore[arg-type]
