"""Simulated devices stand in for real ones where an endpoints file says, or write one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cim.model.devices import DeviceKind
from cim.model.errors import BadInput
from environment.sites import load_site
from experiments.cli.devices_simulate import Options, with_endpoints
from pilot.endpoints import device_kinds, load_endpoints

SITE = load_site("strem")
DIALLING = (DeviceKind.STATION, DeviceKind.GATEWAY, DeviceKind.APPLIANCE)


def options(path: Path, base_port: int) -> Options:
    """What was asked for."""
    return Options("strem", None, "127.0.0.1", base_port, None, None, {}, 1.0, 0, present=True, endpoints=path)


def served(first: int) -> dict[str, tuple[str, int]]:
    """Where the SunSpec devices are."""
    wired = [name for name, kind in device_kinds(SITE).items() if kind not in DIALLING]
    return {name: ("127.0.0.1", first + k) for k, name in enumerate(wired)}


def test_devices_dial_where_the_file_says_with_its_passwords(tmp_path: Path) -> None:
    """The file is made the first time and kept: started again, devices know the same passwords."""
    path = tmp_path / "pilot.yaml"
    first = with_endpoints(options(path, 15020), SITE, served(15020))
    text = path.read_text()
    again = with_endpoints(options(path, 15020), SITE, served(15020))
    assert path.read_text() == text
    assert (first.csms, first.s2) == ("ws://127.0.0.1:9100/ocpp", "ws://127.0.0.1:9100/s2")
    assert (again.csms, again.s2, again.passwords) == (first.csms, first.s2, first.passwords)
    assert set(first.passwords) == {name for name, kind in device_kinds(SITE).items() if kind in DIALLING}


def test_a_file_that_has_a_device_elsewhere_is_not_served(tmp_path: Path) -> None:
    """One sentence says where it is, and where it was expected."""
    path = tmp_path / "pilot.yaml"
    with_endpoints(options(path, 0), SITE, served(15020))
    with pytest.raises(
        BadInput, match=r"has .* at 127.0.0.1:15020, it is served at 127.0.0.1:16020; expected the same"
    ):
        with_endpoints(options(path, 0), SITE, served(16020))


def test_buildings_stand_behind_the_broker_that_is_given(tmp_path: Path) -> None:
    """The file has their URLs and no password of theirs; another broker than the file's is a sentence."""
    path = tmp_path / "pilot.yaml"
    mqtt = "mqtt://127.0.0.1:1883/homeassistant"
    given = replace(options(path, 15020), mqtt=mqtt)
    found = with_endpoints(given, SITE, served(15020))
    pumps = {name for name, kind in device_kinds(SITE).items() if kind is DeviceKind.GATEWAY}
    assert load_endpoints(path, SITE).brokers == {name: f"{mqtt}?device={name}" for name in pumps}
    assert not pumps & set(found.passwords)
    with pytest.raises(BadInput, match=r"mqtt of .* is not that of --mqtt; expected the same, or a new file"):
        with_endpoints(replace(given, mqtt="mqtt://127.0.0.1:1884/homeassistant"), SITE, served(15020))
    with pytest.raises(BadInput, match=r"has another prefix; expected homeassistant"):
        with_endpoints(replace(given, mqtt="mqtt://127.0.0.1:1883/ha"), SITE, served(15020))
