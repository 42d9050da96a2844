"""Border values of a site file's own fields and devices: the first number outside is one sentence, the last inside is none."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from environment.sites.devices import Capability, Device
from environment.sites.schema import CongestionPoint, Coordinates, FeederNode, FeederTransformer, LimitBand, Party
from tests.environment.test_sites_faults import STREM, faults, look

Case = tuple[tuple[str | int, ...], str, tuple[object, ...], tuple[object, ...]]
DEVICE: TypeAdapter[Any] = TypeAdapter(Device)


def rating(value: float) -> dict[str, float | bool]:
    """A number with its provenance."""
    return {"value": value, "assumed": True}


TEXT = "expected text that matches"
# place, what is expected, values outside, values inside
FIELDS: tuple[Case, ...] = (
    (("name",), TEXT, ("", "-strem", "St"), ("s", "0", "s-1")),
    (("country",), TEXT, ("A", "AUT", "at"), ("AT", "XK", "ES")),
    (("currency",), TEXT, ("EU", "EURO", "eur"), ("EUR", "CHF", "XXX")),
    (("isp_minutes",), "expected 15, 30 or 60", (14, 45, 0), (15, 30, 60)),
    (("control_interval_s",), "expected", (59, 901, 60.5), (60, 900, 75)),
    (("contract_days",), "expected", (0, 3651, "long"), (1, 3650, 365)),
    (("revision_hours",), "expected", (0, 25, None), (1, 24, 2)),
    (("default_day",), "expected", ("2015-02-29", "20.05.2016", "today"), ("2016-02-29", "2016-01-01", "2016-12-31")),
    (("timezone",), "expected an IANA time zone", ("", "europe/vienna", "GMT+25"), ("UTC", "Europe/Madrid", "Etc/GMT-1")),
    (("dso", "domain"), TEXT, ("localhost", "a..at", "A.AT"), ("a.at", "a-b.c.example", "0.xy")),
    (("grid_g_per_kwh",), "expected a value > 0", (rating(0), rating(-1), rating(-0.0)), (rating(1e-9), rating(1e4), None)),
    (
        ("network", "slack_voltage_pu"), "expected a value > 0",
        (rating(0), rating(-1), rating(-1e-9)), (rating(0.9), rating(1), rating(1.1)),
    ),
    (
        ("network", "lines", 0, "c_nf_per_km"), "expected a value >= 0",
        (rating(-1e-9), rating(-1), rating(-1e9)), (rating(0), rating(1e-9), rating(1e9)),
    ),
    (
        ("batteries", "initial_soc"), "expected a value above 0, at most 1",
        (rating(0), rating(1.0001), rating(-0.5)), (rating(1e-6), rating(1), rating(0.5)),
    ),
    (
        ("batteries", "one_way_efficiency"), "expected a value above 0, at most 1",
        (rating(0), rating(1.0001), rating(-1)), (rating(0.01), rating(1), rating(0.95)),
    ),
    (
        ("buildings", "tan_phi"), "expected a value >= 0",
        (rating(-0.1), rating(-1), rating(-1e-12)), (rating(0), rating(1), rating(0.3)),
    ),
)  # fmt: skip


def place(at: tuple[str | int, ...]) -> str:
    """As a fault names it."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).removeprefix(".")


def with_values(kind: int, number: int) -> dict[str, Any]:
    """Strem's file with value `number` outside (kind 2) or inside (3) of every field."""
    raw = copy.deepcopy(STREM)
    del raw["community"]  # its law is the country's, which is moved here
    for case in FIELDS:
        look(raw, case[0][:-1])[case[0][-1]] = case[kind][number]  # type: ignore[index]
    return raw


@pytest.mark.parametrize("number", range(3))
def test_every_value_outside_is_one_sentence(number: int) -> None:
    """All fields outside their borders at once: for each exactly one sentence with its place, its value, what was expected."""
    told = faults(with_values(2, number))
    assert len(told) == len(FIELDS)
    for at, says, outside, _ in FIELDS:
        (fault,) = [fault for fault in told if fault.startswith(f"{place(at)}: value ")]
        value = outside[number]
        shown = repr(value["value"]) if isinstance(value, dict) else repr(value)
        assert shown in fault
        assert says in fault
        assert "\n" not in fault


@pytest.mark.parametrize("number", range(3))
def test_the_last_values_inside_are_no_faults(number: int) -> None:
    """All fields on their borders at once: the file is whole."""
    assert faults(with_values(3, number)) == ()


def refused(model: TypeAdapter[Any], raw: object) -> str:
    """The one thing that is wrong with `raw`."""
    with pytest.raises(ValidationError) as caught:
        model.validate_python(raw)
    (error,) = caught.value.errors()
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"


BASE: dict[str, dict[str, Any]] = {
    "pv": {"rated_w": rating(5000), "column": "PV5", "sunspec": "123"},
    "wind": {
        "rated_w": rating(1e6), "mean_wind_m_s": rating(6), "cut_in_m_s": rating(3), "rated_m_s": rating(12),
        "cut_out_m_s": rating(25), "sunspec": "704",
    },
    "battery": {"rated_w": rating(5000), "capacity_wh": rating(10_000), "sunspec": "124"},
    "chp": {
        "rated_w": rating(5e5), "plan": rating(0.9), "minimum": rating(0.4), "ramp_per_min": rating(0.1), "sunspec": "704",
    },
    "station": {"rated_w": rating(11_000), "column": "HLS_A_11.0", "departure_hour": rating(7.5)},
    "gateway": {"rated_w": rating(2000), "column": "Soil_Alternative_2"},
    "appliance": {
        "rated_w": rating(2000), "ready_hour": rating(20), "latest_end_hour": rating(6),
        "programme": [{"minutes": rating(60), "power_w": rating(2000)}],
    },
}  # fmt: skip


def device(kind: str, **changes: object) -> dict[str, object]:
    """A device of this kind as a site file says it."""
    return {"kind": kind, "name": "d", **BASE[kind], **changes}


def _outside() -> Iterator[tuple[str, str, object, str]]:
    for kind in BASE:
        yield kind, "rated_w", rating(0), "expected a value > 0"
        yield kind, "name", "PV", "String should match"
    yield "battery", "capacity_wh", rating(0), "expected a value > 0"
    for share in ("plan", "minimum", "ramp_per_min"):
        yield "chp", share, rating(0), "expected a value above 0, at most 1"
        yield "chp", share, rating(1.01), "expected a value above 0, at most 1"
    yield "station", "departure_hour", rating(-0.5), "expected a local hour from 0 to below 24"
    yield "station", "departure_hour", rating(24), "expected a local hour from 0 to below 24"
    yield "station", "weeks_later", rating(0.5), "expected a whole number"
    yield "gateway", "weeks_later", rating(-1), "expected a value >= 0"
    yield "appliance", "ready_hour", rating(24), "expected a whole hour from 0 to 23"
    yield "wind", "mean_wind_m_s", rating(0), "expected a value > 0"


@pytest.mark.parametrize(("kind", "field", "value", "says"), list(_outside()))
def test_a_devices_number_outside_is_refused_by_name(kind: str, field: str, value: object, says: str) -> None:
    """The first number outside is one fault at that field, and it says what was expected."""
    told = refused(DEVICE, device(kind, **{field: value}))
    assert told.startswith(f"{kind}.{field}: ")
    assert says in told


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("station", {"departure_hour": rating(0)}),
        ("station", {"departure_hour": rating(23.99)}),
        ("station", {"weeks_later": rating(0)}),
        ("chp", {"plan": rating(1), "minimum": rating(1), "ramp_per_min": rating(1)}),
        ("appliance", {"ready_hour": rating(0), "latest_end_hour": rating(23)}),
        ("appliance", {"ready_hour": rating(23), "latest_end_hour": rating(1)}),
        ("wind", {"cut_in_m_s": rating(11.99), "cut_out_m_s": rating(12.01)}),
    ],
)
def test_a_devices_last_numbers_inside_are_taken(kind: str, changes: dict[str, object]) -> None:
    """What lies on the border, or just within it, is a device."""
    assert DEVICE.validate_python(device(kind, **changes)).kind == kind


@pytest.mark.parametrize(("cut_in", "rated", "cut_out"), [(12, 12, 25), (3, 25, 25), (13, 12, 25), (3, 12, 11)])
def test_wind_speeds_stand_in_order(cut_in: float, rated: float, cut_out: float) -> None:
    """Cut-in below rated below cut-out, none the same."""
    speeds = {"cut_in_m_s": rating(cut_in), "rated_m_s": rating(rated), "cut_out_m_s": rating(cut_out)}
    assert "expected cut_in_m_s < rated_m_s < cut_out_m_s" in refused(DEVICE, device("wind", **speeds))


CAPABILITIES = {
    "pv": Capability(generation_w=5000, habitual=True),
    "wind": Capability(generation_w=1e6, habitual=True),
    "battery": Capability(generation_w=5000, consumption_w=5000, capacity_wh=10_000),
    "chp": Capability(generation_w=5e5, planned_w=-4.5e5, floor_w=-2e5, ramp_w_per_min=5e4),
    "station": Capability(consumption_w=11_000, habitual=True),
    "gateway": Capability(consumption_w=2000, habitual=True, sizes_connection=False),
    "appliance": Capability(consumption_w=2000, habitual=True, sizes_connection=False),
}


@pytest.mark.parametrize("kind", BASE)
def test_what_each_kind_of_device_can_do(kind: str) -> None:
    """Generation and plans with a minus, consumption with a plus; only what sizes its connection says so."""
    assert DEVICE.validate_python(device(kind)).capability == CAPABILITIES[kind]


TRANSFORMER = {
    "name": "t", "hv_node": "a", "lv_node": "b", "rated_va": rating(4e5), "hv_v": rating(2e4), "lv_v": rating(400),
    "uk_pct": rating(4), "copper_loss_w": rating(0), "iron_loss_w": rating(0), "i0_pct": rating(0), "clock": 5,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"clock": -1}, "clock: Input should be greater than or equal to 0"),
        ({"clock": 12}, "clock: Input should be less than or equal to 11"),
        ({"tap_position": -101}, "tap_position: Input should be greater than or equal to -100"),
        ({"tap_position": 101}, "tap_position: Input should be less than or equal to 100"),
        ({"tap_position": 0.5}, "tap_position: Input should be a valid integer"),
        ({"uk_pct": rating(0)}, "uk_pct: Value error, expected a value > 0"),
        ({"iron_loss_w": rating(-1)}, "iron_loss_w: Value error, expected a value >= 0"),
        ({"tap_step_pct": rating(-1)}, "tap_step_pct: Value error, expected a value >= 0"),
    ],
)
def test_a_transformers_borders(changes: dict[str, object], says: str) -> None:
    """Vector groups from 0 to 11, whole taps within a hundred steps, no negative losses; each told by its field."""
    adapter: TypeAdapter[Any] = TypeAdapter(FeederTransformer)
    assert refused(adapter, TRANSFORMER | changes).startswith(says)
    for inside in ({"clock": 0}, {"clock": 11}, {"tap_position": -100}, {"tap_position": 100}):
        adapter.validate_python(TRANSFORMER | inside)


def test_a_place_is_on_earth() -> None:
    """Degrees of longitude to 180 and of latitude to 90, either way; what is beyond is named."""
    adapter: TypeAdapter[Any] = TypeAdapter(Coordinates)
    for lon, lat in ((180, 90), (-180, -90), (16.4, 47.0)):
        adapter.validate_python({"lon_deg": rating(lon), "lat_deg": rating(lat)})
    assert "lon_deg: 180.1 is no place on earth" in refused(adapter, {"lon_deg": rating(180.1), "lat_deg": rating(0)})
    assert "lat_deg: -91 is no place on earth" in refused(adapter, {"lon_deg": rating(0), "lat_deg": rating(-91)})


@pytest.mark.parametrize(("least", "most"), [(1.1, 0.9), (1.0, 1.0)])
def test_a_voltage_band_has_a_least_below_its_most(least: float, most: float) -> None:
    """A band the wrong way round, which every voltage would break, is a fault of the file."""
    band = {"min_voltage_pu": rating(least), "max_voltage_pu": rating(most), "max_loading_pct": rating(100)}
    assert "expected min_voltage_pu < max_voltage_pu" in refused(TypeAdapter(LimitBand), band)
    assert LimitBand.model_validate(band | {"min_voltage_pu": rating(most - 0.01)})


@pytest.mark.parametrize(
    "text", ["", "ea1.2016-1.at.x:p", "ea2.2016-01.at.x:p", "ea1.2016-01.at.x", "ea1.2016-01.at.x:", "ea1.2016-01.AT:p"]
)
def test_a_congestion_point_has_an_entity_address(text: str) -> None:
    """USEF's entity address, `ea1.<year>-<month>.<domain>:<name>`, and nothing like it."""
    point = {"title": "t", "branch": "b", "parent": None}
    assert "String should match pattern" in refused(TypeAdapter(CongestionPoint), point | {"id": text})
    found = CongestionPoint.model_validate(point | {"id": "ea1.2016-01.at.x:p-1"})
    assert found.meter == "p-1.meter"


@pytest.mark.parametrize("model", [Party, FeederNode, LimitBand])
def test_nothing_of_a_site_can_be_changed_or_added(model: type[Any]) -> None:
    """Parts of a site are frozen, and a key that they do not know is refused."""
    said: dict[type[Any], dict[str, object]] = {
        Party: {"name": "p", "domain": "p.at"},
        FeederNode: {"name": "n", "nominal_v": rating(400)},
        LimitBand: {"min_voltage_pu": rating(0.9), "max_voltage_pu": rating(1.1), "max_loading_pct": rating(100)},
    }
    part = model.model_validate(said[model])
    first = next(iter(said[model]))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(part, first, said[model][first])
    assert "unknown: Extra inputs are not permitted" in refused(TypeAdapter(model), said[model] | {"unknown": 1})
