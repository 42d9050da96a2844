"""The world of Strem: congested on its default day, in balance, the same for the same seed."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from environment.feeder import Feeder, FlowResult, violations
from environment.physics import ChargePoint, HeatPumpRoom, PvArray
from environment.physics.world import World
from environment.profiles.library import load
from environment.sites import build_limits, build_network, load_site
from environment.weather_model import WeatherFeed

SITE = load_site("strem")
PROFILES = load(SITE.profiles)
DAY = LocalDay(SITE.default_day, SITE.timezone)


def lived(day: LocalDay = DAY, seed: int = 1, *, batteries_rest: bool = False) -> World:
    """A world that has lived through `day` with nothing controlled."""
    world = World(SITE, PROFILES, day.start, seed, batteries_rest=batteries_rest)
    world.advance(day.end)
    return world


def flow_of(world: World, start: datetime, end: datetime) -> FlowResult:
    """The power flow of what really flowed."""
    feeder = Feeder(build_network(SITE))
    truth = world.truth(start, end)
    p_w = np.zeros(((end - start) // timedelta(minutes=15), len(feeder.node_names)))
    q_var = np.zeros_like(p_w)
    for prosumer in SITE.prosumers:
        column = feeder.node_index[prosumer.node]
        p_w[:, column] += truth[prosumer.name][0]
        q_var[:, column] += truth[prosumer.name][1]
    return feeder.flow(p_w, q_var)


@pytest.mark.parametrize(("batteries_rest", "lowest", "highest"), [(True, 145, 147), (False, 136, 141)])
def test_default_day_needs_flexibility(batteries_rest: bool, lowest: float, highest: float) -> None:
    """With nothing controlled both congestion points are overloaded for part of the midday; voltages stay in band.

    Batteries that serve their homes do no harm beside batteries that rest: they fill with the morning's surplus.
    """
    result = flow_of(lived(batteries_rest=batteries_rest), DAY.start, DAY.end)
    found = violations(result, build_limits(SITE))
    assert {item.element for item in found} == {point.branch for point in SITE.congestion_points}
    assert {item.kind.value for item in found} == {"overload"}
    worst = dict(zip(result.branch_names, result.loading_pct.max(axis=0), strict=True))
    assert lowest < worst["MV1.101-LV1.101-Trafo 1"] < highest
    assert 108 < worst["line-1"] < 118
    hours = sorted({DAY.isp_start(item.isp_index + 1).hour for item in found})
    assert hours[0] >= 9
    assert hours[-1] <= 15


def test_a_substation_meter_shows_the_sum_of_the_connections_below() -> None:
    """At the feeder all connections, at the low-voltage grid its own; power, reactive power, and what it counted in net."""
    world = lived()
    feeder, low = SITE.congestion_points
    assert set(SITE.below(feeder.id)) == {p.name for p in SITE.prosumers}
    below = [world.connections[name] for name in SITE.below(low.id)]
    assert len(below) == 13
    meter = world.substations[low.id]
    assert meter.power_w == pytest.approx(sum(c.power_w for c in below))
    assert meter.reactive_var == pytest.approx(sum(c.reactive_var for c in below))
    net_wh = sum(c.import_wh - c.export_wh for c in below)
    assert meter.import_wh - meter.export_wh == pytest.approx(net_wh)
    assert min(meter.import_wh, meter.export_wh) >= 0


def test_batteries_that_rest_move_nothing() -> None:
    """The column where nothing at all is controlled knows no battery."""
    assert not lived(batteries_rest=True).truth_by_kind(DAY.start, DAY.end)["battery"].any()


def test_kinds_and_prosumers_add_up_to_the_same() -> None:
    """The balance by kind and the balance by prosumer are two views of one truth, and meters agree."""
    world = lived()
    truth = world.truth(DAY.start, DAY.end)
    by_kind = world.truth_by_kind(DAY.start, DAY.end)
    assert set(by_kind) == {"load", "pv", "battery", "ev", "heat_pump", "chp", "appliance"}
    total = np.sum([p_w for p_w, _ in truth.values()], axis=0)
    np.testing.assert_allclose(total, np.sum(list(by_kind.values()), axis=0), atol=0.5 * len(truth))
    for name, connection in world.connections.items():
        net_wh = connection.import_wh - connection.export_wh
        assert net_wh == pytest.approx(truth[name][0].sum() / 4, abs=0.125 * 96)
    assert next(iter(truth.values()))[0].dtype == np.int64


def test_pieces_and_seeds() -> None:
    """Moving on in control intervals equals one leap; another seed is another world, the same seed the same."""
    whole, again = lived(), World(SITE, PROFILES, DAY.start, 1)
    while again.now < DAY.end:
        again.advance(again.now + timedelta(seconds=300))
    for name, connection in whole.connections.items():
        assert again.connections[name].import_wh == pytest.approx(connection.import_wh, abs=1e-6)
    stored = [world.devices["care-centre.bess"].stored_wh for world in (whole, again, lived(seed=2))]  # type: ignore[attr-defined]
    assert stored[0] == stored[1] != stored[2]


def test_a_command_changes_the_truth() -> None:
    """Curtailing the PV field for an hour is what its connection and the feeder then show."""
    world = World(SITE, PROFILES, DAY.start, 1)
    noon = DAY.at(13)
    world.advance(noon)
    world.devices["pv-field.pv"].limit_w = -100e3  # type: ignore[attr-defined]
    world.advance(noon + timedelta(hours=1))
    np.testing.assert_array_equal(world.truth(noon, noon + timedelta(hours=1))["pv-field"][0], [-100000] * 4)
    assert flow_of(world, noon, noon + timedelta(hours=1)).loading_pct[:, 0].max() < 100


@pytest.mark.parametrize(("day", "count"), [(date(2016, 3, 27), 92), (date(2016, 10, 30), 100)])
def test_days_of_clock_changes(day: date, count: int) -> None:
    """A short day has 92 truths, a long one 100; its history is still a wall-clock day."""
    local = LocalDay(day, SITE.timezone)
    world = lived(local)
    assert world.truth(local.start, local.end)["farm-1"][0].shape == (count,)
    history = world.history("farm-1", 2, local.next())
    assert history.shape == (2, 96)
    assert np.isfinite(history).all()


def test_history_is_what_an_uncontrolled_day_shows() -> None:
    """The history of a day equals the truth of that day lived without control, for all that has no memory."""
    world = lived()
    truth = world.truth(DAY.start, DAY.end)
    for prosumer in SITE.prosumers:
        if not any(device.kind in ("station", "battery") for device in prosumer.devices):
            history = world.history(prosumer.meter, 1, DAY.next())
            np.testing.assert_allclose(history[0], truth[prosumer.name][0], atol=0.51)
    np.testing.assert_allclose(world.history("household-1", 3, DAY).shape, (3, 96))
    assert world.history("pv-field.pv", 5, DAY).max() <= 0


@pytest.mark.parametrize("name", ["nobody", "farm-1.sauna", ""])
def test_history_of_strangers(name: str) -> None:
    """An unknown name is refused in one sentence."""
    with pytest.raises(BadInput, match="history"):
        World(SITE, PROFILES, DAY.start).history(name, 1, DAY)


def test_the_future_and_the_past_are_closed() -> None:
    """The world neither goes back nor tells what has not happened yet, nor runs out of its profiles."""
    world = World(SITE, PROFILES, DAY.start)
    with pytest.raises(BadInput, match="not known"):
        world.truth(DAY.start, DAY.end)
    with pytest.raises(BadInput, match="cannot be reached"):
        world.advance(DAY.start - timedelta(seconds=1))
    with pytest.raises(BadInput, match="cannot be reached"):
        world.advance(datetime(2017, 6, 1, tzinfo=UTC))
    with pytest.raises(BadInput, match="outside the profiles"):
        world.history("farm-1", 400, DAY)


def test_forecast_is_repeatable_dark_at_night_and_never_negative() -> None:
    """The same seed and issue give the same forecast; other seeds another; at night it is zero."""
    issued = DAY.start - timedelta(hours=12)
    feeds = [WeatherFeed(PROFILES, seed, SITE.timezone) for seed in (5, 5, 6)]
    forecasts = [feed.forecast(issued, DAY.start, DAY.end) for feed in feeds]
    np.testing.assert_array_equal(forecasts[0], forecasts[1])
    assert (forecasts[0] != forecasts[2]).any()
    assert forecasts[0].shape == (96,)
    assert forecasts[0].min() >= 0
    assert forecasts[0][:12].max() == 0
    part = feeds[2].forecast(issued, DAY.start + timedelta(hours=10), DAY.start + timedelta(hours=12))
    np.testing.assert_array_equal(part, forecasts[2][40:48])


def test_forecast_error_grows_with_lead_time() -> None:
    """Against the clear-sky envelope the error is about 4 % an hour ahead and about 10 % a day ahead."""
    feed = WeatherFeed(PROFILES, 3, SITE.timezone)
    errors: dict[int, list[float]] = {1: [], 24: []}
    for day in range(120, 240):
        noon = PROFILES.first + timedelta(days=day, hours=12)
        for lead, wrongs in errors.items():
            span = (noon, noon + timedelta(minutes=15))
            wrong = feed.forecast(noon - timedelta(hours=lead - 1, minutes=15), *span) - feed.truth(*span)
            wrongs.append(float(wrong[0]))
    near, far = (float(np.sqrt(np.mean(np.square(errors[lead])))) for lead in (1, 24))
    assert 0.015 < near < 0.045
    assert 0.035 < far < 0.11
    assert far > 1.6 * near


def test_forecast_refuses_what_it_cannot_know() -> None:
    """Before its issue, beyond 72 hours or beyond the profiles there is no forecast."""
    feed = WeatherFeed(PROFILES, 3, SITE.timezone)
    with pytest.raises(BadInput, match="forecast"):
        feed.forecast(DAY.end, DAY.start, DAY.end)
    with pytest.raises(BadInput, match="forecast"):
        feed.forecast(DAY.start, DAY.start, DAY.next(4).end)
    with pytest.raises(BadInput, match="outside the profiles"):
        feed.forecast(PROFILES.last, PROFILES.last, PROFILES.last + timedelta(days=1))


def test_every_unit_has_a_truth_of_its_own() -> None:
    """Units' powers add up to the connection's; curtailed sun shows beside what was available; nobody went without."""
    world = World(SITE, PROFILES, DAY.start, 1)
    world.advance(DAY.at(12))
    limited = world.devices["pv-field.pv"]
    assert isinstance(limited, PvArray)
    limited.limit_w = -100_000.0
    world.advance(DAY.end)
    told, truth = world.device_truth(DAY.start, DAY.end), world.truth(DAY.start, DAY.end)
    for prosumer in SITE.prosumers:
        parts = [power for name, power in told.power_w.items() if name.partition(".")[0] == prosumer.name]
        np.testing.assert_allclose(np.sum(parts, axis=0), truth[prosumer.name][0], atol=0.5)
    sun, fed_in = told.available_w["pv-field.pv"], told.power_w["pv-field.pv"]
    np.testing.assert_array_equal(sun[:48], fed_in[:48])
    np.testing.assert_allclose(fed_in[48:], np.maximum(sun[48:], -100_000.0))
    assert sun[52] < -500_000
    assert told.unserved_ev_wh == 0
    assert told.discomfort_kh < 0.5  # thermostats swing a little


def test_what_was_gone_without_is_counted_in_its_span() -> None:
    """A station that is held at nothing leaves each vehicle short, and a heat pump held off leaves rooms cold."""
    world = World(SITE, PROFILES, DAY.next(-1).start, 1)
    for device in world.devices.values():
        if isinstance(device, ChargePoint):
            device.limit_w = 0.0
        elif isinstance(device, HeatPumpRoom):
            device.target_w = 0.0
    world.advance(DAY.end)
    before, day = (world.device_truth(d.start, d.end) for d in (DAY.next(-1), DAY))
    short = sum(device.unserved_wh for device in world.devices.values() if isinstance(device, ChargePoint))
    assert before.unserved_ev_wh + day.unserved_ev_wh == pytest.approx(short)
    assert max(before.warmth_saves_wh.values()) < 0  # cold rooms take more on the day after
    assert day.unserved_ev_wh > 0
    assert day.discomfort_kh > 1
