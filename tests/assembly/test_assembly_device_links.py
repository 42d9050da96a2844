"""A host is told how to reach its own devices, in wire values, and nothing of the others'."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agents.assembly.device_links import InProcessLinks, SocketLinks
from agents.assembly.device_ports import SocketPorts
from agents.assembly.site_agents import SiteAgents
from agents.runtime.agent_spec import AgentSpec, build_role
from agents.runtime.imports import imported
from cim.codec.codec import decode, encode
from cim.model.devices import DeviceKind
from cim.model.errors import ProgrammingFault
from devices.dial_in.tls import TlsFiles
from devices.mqtt.driver import BuildingPort
from devices.ocpp.driver import StationPort
from devices.ocpp.evse import Evse
from devices.sunspec.driver import SunSpecPlant
from devices.weather import WeatherPort, WeatherSource
from tests.worlds.players import RULES

KINDS = {
    "farm.pv": DeviceKind.PV,
    "farm.station": DeviceKind.STATION,
    "park.station": DeviceKind.STATION,
    "weather": DeviceKind.WEATHER,
}
LINKS = SocketLinks(
    kinds=KINDS,
    weather=WeatherSource("pack", "Europe/Vienna", 7),
    addresses={"farm.pv": ("127.0.0.1", 502, 1)},
    passwords={"farm.station": "secret-a", "park.station": "secret-b"},
)


def test_a_host_gets_the_passwords_of_its_own_devices_only() -> None:
    """What crosses to a host is wire bytes, and holds no other host's password or address."""
    data = encode(LINKS.access(("farm.station", "weather")))
    assert b"secret-a" in data
    assert b"secret-b" not in data
    assert b"127.0.0.1" in encode(LINKS.access(("farm.pv",)))
    ports = decode(data).ports()
    assert isinstance(ports, SocketPorts)
    assert ports.dialled
    assert isinstance(ports.port("weather"), WeatherPort)


def test_a_host_is_told_where_the_certificate_is_and_who_comes_by_one() -> None:
    """Security profiles 2 and 3 cross to a host as the rest does; of others' devices it learns nothing."""
    links = replace(LINKS, by_certificate=("farm.station", "other.station"), tls=TlsFiles("c.pem", "c.key", "ca.pem"))
    access = decode(encode(links.access(("farm.station",))))
    assert access.arguments[-3:] == (("farm.station",), TlsFiles("c.pem", "c.key", "ca.pem"), {})


def test_evses_of_a_station_share_its_connection_and_its_password() -> None:
    """Two devices, one that dials in by the station's name; whoever has neither of them is told nothing of it."""
    kinds = {"park.bay-1": DeviceKind.STATION, "park.bay-2": DeviceKind.STATION, "farm.station": DeviceKind.STATION}
    evses = {f"park.bay-{k}": Evse("park.charger", k, 22_000) for k in (1, 2)}
    links = SocketLinks(kinds=kinds, passwords={"park.charger": "secret-c", "farm.station": "secret-a"}, evses=evses)
    assert links.dialling == {"farm.station": "farm.station"} | dict.fromkeys(evses, "park.charger")
    assert b"secret-c" not in encode(links.access(("farm.station",)))

    async def told() -> tuple[dict[str, str], StationPort, StationPort]:
        ports = decode(encode(links.access(("park.bay-1", "park.bay-2")))).ports()
        try:
            urls = await ports.listen()
            first, second = (ports.port(f"park.bay-{k}") for k in (1, 2))
            return urls, first, second
        finally:
            await ports.close()

    urls, first, second = asyncio.run(told())
    assert list(urls) == ["park.charger"]
    assert urls["park.charger"].endswith("/ocpp/park.charger")
    assert (first.name, second.name) == ("park.bay-1", "park.bay-2")
    assert first._connection is second._connection


def test_devices_that_dial_are_told_where() -> None:
    """Each that dials in gets a URL of its own protocol and name; who is dialled gets none, and nothing listens for it."""

    async def urls() -> tuple[dict[str, str], dict[str, str]]:
        ports, plain = LINKS.ports(("farm.station", "park.station", "farm.pv")), LINKS.ports(("farm.pv",))
        try:
            assert isinstance(ports.port("farm.pv"), SunSpecPlant)
            return await ports.listen(), await plain.listen()
        finally:
            await ports.close()

    told, none = asyncio.run(urls())
    assert none == {}
    assert set(told) == set(LINKS.dialling) == {"farm.station", "park.station"}
    assert all(url.startswith("ws://127.0.0.1:") and url.endswith(f"/ocpp/{name}") for name, url in told.items())


def test_a_building_behind_a_broker_is_asked_there() -> None:
    """Its address is a URL: it is not waited for, has no password of ours, and gets the driver of such buildings."""
    url = "mqtts://u:secret-c@broker.example/homeassistant"
    links = SocketLinks(kinds={**KINDS, "home.pump": DeviceKind.GATEWAY}, addresses={"home.pump": url})
    assert set(links.dialling) == {"farm.station", "park.station"}
    ports = decode(encode(links.access(("home.pump",)))).ports()
    assert not ports.dialled

    async def driver() -> object:
        return ports.port("home.pump")

    assert isinstance(asyncio.run(driver()), BuildingPort)
    assert b"secret-c" not in encode(links.access(("farm.station",)))


def test_a_device_behind_tls_is_reached_so() -> None:
    """Its address is a URL; it gets the driver of its kind."""
    links = SocketLinks(kinds=KINDS, addresses={"farm.pv": "mbaps://pv.example/3"})
    port = links.ports(("farm.pv",)).port("farm.pv")
    assert isinstance(port, SunSpecPlant)
    assert not links.ports(("farm.pv",)).dialled


def test_a_simulation_in_this_process_is_reached_from_no_other() -> None:
    """Instead of pickling it, a sentence."""
    links = InProcessLinks(KINDS, None, None)  # type: ignore[arg-type]
    with pytest.raises(ProgrammingFault, match=r"^farm.pv: simulated in this process; expected a host in it too$"):
        links.access(("farm.pv",))


@pytest.mark.parametrize("path", ["", "json", "json:", ":loads", "nowhere.at_all:x", "json:nothing"])
def test_a_bad_import_path_is_one_sentence(path: str) -> None:
    """It says the path and the form that is expected."""
    with pytest.raises(ProgrammingFault, match="expected module:name"):
        imported(path)


def test_only_roles_are_made_of_specs() -> None:
    """A path to anything but a role class makes nothing."""
    assert callable(imported(SiteAgents.jobs))
    for path in ("os:system", "json:JSONDecoder", SiteAgents.jobs):
        with pytest.raises(ProgrammingFault, match="is no role"):
            build_role(AgentSpec("a", "thing", path, bytes(32), None), RULES)
