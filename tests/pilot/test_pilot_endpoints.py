"""An endpoints file is checked whole, before anything is dialled; each fault is one sentence, and no password is shown."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.assembly.device_ports import DIAL_IN
from cim.model.devices import DeviceKind
from cim.model.errors import BadInput
from devices.dial_in.passwords import hashed
from devices.dial_in.tls import TlsFiles
from environment.sites import load_site
from environment.sites.schema import Site
from pilot.endpoints import (
    EndpointFaults,
    device_kinds,
    draft_endpoints,
    load_endpoints,
    parse_endpoints,
)
from tests.worlds.market_days import park_with_one_charger

SECRET = "a-secret-of-a-station"
PUMP = next(name for name, kind in device_kinds(load_site("strem")).items() if kind is DeviceKind.GATEWAY)


@pytest.fixture(scope="module")
def site() -> Site:
    """The site that ships."""
    return load_site("strem")


def good(site: Site) -> dict[str, Any]:
    """A file without a fault."""
    kinds = device_kinds(site)
    wired = [name for name, kind in kinds.items() if kind not in DIAL_IN]
    return {
        "listen": {"port": 9100},
        "sunspec": {name: f"10.0.0.{1 + k // 100}:{502 + k}" for k, name in enumerate(wired)},
        "dial_in": {name: f"{SECRET}-{k}" for k, name in enumerate(kinds) if name not in wired},
    }


def faults(site: Site, change: Callable[[dict[str, Any]], Any]) -> tuple[str, ...]:
    """What is wrong after a change."""
    content = good(site)
    change(content)
    with pytest.raises(EndpointFaults) as caught:
        parse_endpoints(yaml.safe_dump(content), "pilot.yaml", site)
    assert SECRET not in str(caught.value)
    return caught.value.faults


def test_a_good_file_says_where_everything_is(site: Site) -> None:
    """Every device of the site once; the unit is 1 and the door on loopback unless something else is said."""
    content = good(site)
    content["sunspec"]["farm-1.pv"] = "pv.example:502/3"
    content["sunspec"]["farm-2.pv"] = "[fe80::1]:1502"
    content["sunspec"]["farm-3.meter"] = "mbaps://meter.example/1"
    content["sunspec"]["farm-2.meter"] = "meter.example:502?meter=2&sign=given"
    found = parse_endpoints(yaml.safe_dump(content), "pilot.yaml", site)
    assert found.sunspec.keys() | found.passwords.keys() == device_kinds(site).keys()
    assert found.sunspec["farm-1.pv"] == ("pv.example", 502, 3)
    assert found.sunspec["farm-3.meter"] == "mbaps://meter.example/1"
    assert found.sunspec["farm-2.meter"] == ("meter.example", 502, 1, 2, "given")
    assert found.sunspec["farm-2.pv"] == ("fe80::1", 1502, 1)
    assert found.sunspec["farm-1.meter"] == ("10.0.0.1", 502, 1)
    assert found.door == ("127.0.0.1", 9100)
    content["listen"]["host"] = "0.0.0.0"
    assert parse_endpoints(yaml.safe_dump(content), "pilot.yaml", site).door == ("0.0.0.0", 9100)
    assert SECRET not in repr(found)


def test_a_station_with_several_evses_has_one_password(tmp_path: Path) -> None:
    """It stands under the station's own name; under an EVSE's it is refused, with who dials in for it."""
    park = load_site(str(park_with_one_charger(tmp_path)))
    content = good(park)
    for name in ("charging-park.station-1", "charging-park.station-2"):
        del content["dial_in"][name]
    content["dial_in"]["charging-park.charger"] = SECRET
    assert parse_endpoints(yaml.safe_dump(content), "pilot.yaml", park).passwords["charging-park.charger"] == SECRET
    content["dial_in"]["charging-park.station-1"] = SECRET
    with pytest.raises(EndpointFaults, match=r"it is an EVSE of charging-park.charger, which dials in for it"):
        parse_endpoints(yaml.safe_dump(content), "pilot.yaml", park)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c: c.update(sun={}), "sun: value given: expected no such key"),
        (lambda c: c.update(sunspec=[1]), "sunspec: value is no mapping: expected one line for each of its keys"),
        (
            lambda c: c["sunspec"].update({"farm-99.pv": "a:1"}),
            "sunspec.farm-99.pv: value given: expected a device of strem, for example farm-1.meter",
        ),
        (
            lambda c: c["sunspec"].update({c["dial_in"] and min(c["dial_in"]): "a:1"}),
            ": value given: expected it under dial_in, because it is a ",
        ),
        (
            lambda c: c["dial_in"].update({"farm-1.pv": c["sunspec"].pop("farm-1.pv") + SECRET}),
            "dial_in.farm-1.pv: value given: expected it under sunspec, because it is a pv",
        ),
        (
            lambda c: (c["sunspec"].pop("farm-1.pv"), c["sunspec"].pop("farm-2.meter")),
            "sunspec: value missing for farm-2.meter, farm-1.pv: expected host:port for each",
        ),
        (lambda c: c["dial_in"].popitem(), ": expected a password for each"),
        (
            lambda c: c["sunspec"].update({"farm-1.pv": "10.0.0.9"}),
            "sunspec.farm-1.pv: value '10.0.0.9': expected host:port or host:port/unit, for example 192.168.7.21:502",
        ),
        (lambda c: c["sunspec"].update({"farm-1.pv": "10.0.0.9:70000"}), "value '10.0.0.9:70000': expected host:port"),
        (lambda c: c["sunspec"].update({"farm-1.pv": "10.0.0.9:502/300"}), "value '10.0.0.9:502/300': expected host:"),
        (lambda c: c["sunspec"].update({"farm-1.meter": "a:1?sign=up"}), "'a:1?sign=up': expected ?meter=2 or ?sign="),
        (lambda c: c["sunspec"].update({"farm-1.pv": 502}), "sunspec.farm-1.pv: value 502: expected host:port"),
        (
            lambda c: c["sunspec"].update({"farm-2.pv": "a:1", "farm-1.pv": "a:1"}),
            "value 'a:1/1': expected another one than that of farm-1.pv",
        ),
        (
            lambda c: c["dial_in"].update(dict.fromkeys(c["dial_in"], SECRET[:7])),
            ": value of 7 signs: expected a password of 16 to 40",
        ),
        (
            lambda c: c["dial_in"].update(dict.fromkeys(c["dial_in"], 1234567890123456)),
            ": value is no text: expected a password, in quotes if it looks like a number",
        ),
        (lambda c: c["listen"].update(port=0), "listen.port: value 0: expected a TCP port, 1 to 65535"),
        (lambda c: c["listen"].update(port="9100"), "listen.port: value '9100': expected a TCP port, 1 to 65535"),
        (
            lambda c: c.pop("listen"),
            "listen.port: value missing: expected the TCP port that stations and gateways dial",
        ),
        (
            lambda c: c["sunspec"].update({"farm-1.pv": "mbaps://10.0.0.9/1?pin=3"}),
            "sunspec.farm-1.pv: address: option 'pin' of 'mbaps://10.0.0.9/1?pin=3' is not known; expected ca, certificate",
        ),
        (
            lambda c: c["sunspec"].update({"farm-1.pv": "mbaps://10.0.0.9/1?ca=/no/such.pem"}),
            "sunspec.farm-1.pv: ca: /no/such.pem cannot be read",
        ),
        (
            lambda c: c["sunspec"].update({"farm-2.pv": "a:802", "farm-1.pv": "mbaps://a/1"}),
            "value 'a:802/1': expected another one than that of farm-1.pv",
        ),
        (
            lambda c: c.update(mqtt={PUMP: f"mqtt://u:{SECRET}@10.0.0.9/ha"}),
            f"mqtt.{PUMP}: value given: expected it here or under dial_in, not in both",
        ),
        (
            lambda c: c.update(mqtt={PUMP: f"mqtt://u:{SECRET}@10.0.0.9/ha"}),
            f"mqtt.{PUMP}: address: the password would cross the net in clear to 10.0.0.9; expected mqtts://",
        ),
        (
            lambda c: c.update(mqtt={"farm-1.pv": "mqtt://10.0.0.9/ha"}),
            "mqtt.farm-1.pv: value given: expected a building's gateway of strem, such as ",
        ),
        (lambda c: c.update(mqtt={PUMP: 7}), f"mqtt.{PUMP}: address: it is no text; expected mqtt://HOST:PORT/PREFIX"),
        (lambda c: c["listen"].update(tls=True), "listen.tls: value given: expected no such key"),
        (lambda c: c["listen"].update(host=""), "listen.host: value '': expected an address to listen on, for example"),
    ],
)
def test_each_fault_is_one_sentence(site: Site, change: Callable[[dict[str, Any]], Any], sentence: str) -> None:
    """It names the field, the value (never a password) and what was expected."""
    told = faults(site, change)
    assert any(sentence in fault for fault in told), told
    assert all("\n" not in fault for fault in told)


def test_a_building_stands_behind_a_broker_instead_of_dialling_in(site: Site) -> None:
    """Its URL is kept as it is, the password in it shows nowhere, and without one that dials no port is needed."""
    content = good(site)
    url = f"mqtts://u:{SECRET}@broker.example/homeassistant?device=x"
    content["mqtt"] = {PUMP: url}
    del content["dial_in"][PUMP]
    found = parse_endpoints(yaml.safe_dump(content), "pilot.yaml", site)
    assert found.brokers == {PUMP: url}
    assert PUMP not in found.passwords
    assert SECRET not in repr(found)


def test_all_faults_are_told_at_once(site: Site) -> None:
    """Who mends a file need not start it once for each fault."""

    def change(content: dict[str, Any]) -> None:
        content["listen"]["port"] = 70000
        content["sunspec"]["farm-1.pv"] = "nowhere"
        content["extra"] = 1

    assert len(faults(site, change)) == 3


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("listen: {port: 1}\nlisten: {port: 2}\n", "line 2, column 1: key 'listen' twice: expected valid YAML"),
        ("listen: [", "expected valid YAML"),
        ("just text", "the file: value is no mapping: expected the keys listen, sunspec and dial_in"),
    ],
)
def test_what_is_no_such_file_is_said(site: Site, text: str, sentence: str) -> None:
    """A broken file is one sentence with its place."""
    with pytest.raises(EndpointFaults) as caught:
        parse_endpoints(text, "pilot.yaml", site)
    assert sentence in caught.value.faults[0]


def test_a_meter_may_be_read_at_the_device_it_is_built_into(site: Site) -> None:
    """Only who takes setpoints needs an address of its own."""
    content = good(site)
    content["sunspec"]["farm-1.meter"] = content["sunspec"]["farm-1.pv"]
    assert parse_endpoints(yaml.safe_dump(content), "pilot.yaml", site)


def test_a_file_that_others_may_read_is_refused(site: Site, tmp_path: Path) -> None:
    """It holds passwords; one that is not there is a sentence too."""
    path = tmp_path / "pilot.yaml"
    path.write_text(yaml.safe_dump(good(site)))
    path.chmod(0o640)
    with pytest.raises(BadInput, match=r"has mode 0640, so others may read the passwords in it; expected 0600$"):
        load_endpoints(path, site)
    path.chmod(0o600)
    assert load_endpoints(path, site).door == ("127.0.0.1", 9100)
    with pytest.raises(BadInput, match=r"^endpoints: .* cannot be read .*; expected a UTF-8 text file$"):
        load_endpoints(tmp_path / "nothing.yaml", site)


def test_a_draft_is_a_good_file_of_its_owners(site: Site, tmp_path: Path) -> None:
    """What simulated devices write down of themselves fits the site, with passwords of their own, and is made once."""
    kinds = device_kinds(site)
    dialling = [name for name, kind in kinds.items() if kind in DIAL_IN]
    served = {name: ("127.0.0.1", 15020 + k) for k, name in enumerate(kinds) if name not in dialling}
    path = tmp_path / "sites" / "pilot.yaml"
    draft_endpoints(path, served, dialling, 9100)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = load_endpoints(path, site)
    assert {name: where[:2] for name, where in found.sunspec.items()} == served
    assert len(set(found.passwords.values())) == len(dialling)
    with pytest.raises(BadInput, match="expected a new file"):
        draft_endpoints(path, served, dialling, 9100)


def test_stations_may_come_by_certificate_or_by_a_kept_hash(site: Site, tmp_path: Path) -> None:
    """`certificate` in place of a password is security profile 3; a hash is kept as it is; paths start from the file."""
    content = good(site)
    first, second = list(content["dial_in"])[:2]
    content["dial_in"] |= {first: "certificate", second: hashed(SECRET)}
    content["listen"] |= {"certificate": "server.pem", "key": "server.key", "clients": "stations.pem"}
    for name in ("server.pem", "server.key", "stations.pem"):
        (tmp_path / name).write_text("")
    found = parse_endpoints(yaml.safe_dump(content), "pilot.yaml", site, tmp_path)
    assert found.by_certificate == (first,)
    assert first not in found.passwords
    assert found.passwords[second] == content["dial_in"][second]
    assert found.tls == TlsFiles(*(str(tmp_path / name) for name in ("server.pem", "server.key", "stations.pem")))


def test_half_a_certificate_is_told(site: Site) -> None:
    """A file that is not there, a certificate without its key, a station by certificate where nobody vouches for it."""
    name = next(iter(good(site)["dial_in"]))
    assert faults(site, lambda content: content["listen"].update(certificate="gone.pem")) == (
        "listen.certificate: value 'gone.pem': expected a PEM file, from the folder of this one",
        "listen.key: value missing: expected both certificate and key for TLS",
    )
    assert faults(site, lambda content: content["dial_in"].update({name: "certificate"})) == (
        f"dial_in.{name}: value 'certificate': expected certificate, key and clients at listen",
    )
