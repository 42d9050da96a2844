"""Simulated devices stand in for real ones where an endpoints file says, or write one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cim.model.devices import DeviceKind
from cim.model.errors import BadInput
from devices.dial_in.passwords import hashed
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


def test_by_tls_and_with_hashes_they_dial_with_the_passwords_themselves(tmp_path: Path) -> None:
    """A file with TLS is dialled by wss; of a hash, the sentence says where the password itself is to stand."""
    path = tmp_path / "pilot.yaml"
    with_endpoints(options(path, 15020), SITE, served(15020))
    for file in ("server.pem", "server.key"):
        (tmp_path / file).write_text("")
    words = path.read_text().replace("listen:", "listen:\n  certificate: server.pem\n  key: server.key", 1)
    station = next(name for name, kind in device_kinds(SITE).items() if kind is DeviceKind.STATION)
    password = load_endpoints(path, SITE).passwords[station]
    path.write_text(words.replace(password, hashed(password)))
    with pytest.raises(
        BadInput, match=rf"a hash of {station}'s password, .*; expected --passwords with a line {station}="
    ):
        with_endpoints(options(path, 15020), SITE, served(15020))
    found = with_endpoints(replace(options(path, 15020), passwords={station: password}), SITE, served(15020))
    assert (found.csms, found.s2) == ("wss://127.0.0.1:9100/ocpp", "wss://127.0.0.1:9100/s2")
    assert found.passwords[station] == password


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
    other = tmp_path / "by-tls.yaml"
    by_tls = "mqtts://127.0.0.1/homeassistant?ca=/dev/null"
    with pytest.raises(BadInput, match="ca: /dev/null cannot be read"):
        with_endpoints(replace(options(other, 15020), mqtt=by_tls), SITE, served(15020))
    assert f"{by_tls}&device={min(pumps)}" in other.read_text()
    with pytest.raises(BadInput, match=r"mqtt of .* is not that of --mqtt; expected the same, or a new file"):
        with_endpoints(replace(given, mqtt="mqtt://127.0.0.1:1884/homeassistant"), SITE, served(15020))
    with pytest.raises(BadInput, match=r"has another prefix; expected homeassistant"):
        with_endpoints(replace(given, mqtt="mqtt://127.0.0.1:1883/ha"), SITE, served(15020))
