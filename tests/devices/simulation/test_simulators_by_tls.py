"""Simulated stations, gateways and buildings connect by TLS: to who is vouched for, and to nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from cim.model.devices import DeviceKind
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality
from devices.dial_in.door import Door
from devices.dial_in.server import DialInServer
from devices.dial_in.tls import TlsFiles, server_context
from devices.mqtt.address import broker_address
from devices.ocpp.driver import StationPort
from devices.s2.driver import GatewayPort
from devices.simulators.dial_out import DialOut
from devices.simulators.dial_tls import DialTls
from devices.simulators.gateway.machine import GatewayMachine
from devices.simulators.host import SimulatorHost
from devices.simulators.simulation import Simulation
from devices.simulators.station.machine import StationMachine
from tests.devices.s2.conftest import Room
from tests.worlds.certificates import Authority

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
PASSWORD = "sixteen-letters!"
PATIENCE_S = 60.0


class Files:
    """An authority of ours, a stranger's, and the folder of devices' certificates."""

    def __init__(self, folder: Path) -> None:
        self.ours, self.strange = Authority(folder, "ours"), Authority(folder, "strange")
        self.server = self.ours.signs("csms")
        self.folder = folder / "devices"
        self.folder.mkdir()
        for name in ("cs1", "cs2"):
            own = self.ours.signs(name)
            for file, ending in zip(own, ("pem", "key"), strict=True):
                file.rename(self.folder / f"{name}.{ending}")
        for ending in ("pem", "key"):  # one that shows another's
            (self.folder / f"cs3.{ending}").write_bytes((self.folder / f"cs2.{ending}").read_bytes())


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """All of them."""
    return Files(tmp_path)


@asynccontextmanager
async def serving(files: Files, *by_certificate: str) -> AsyncIterator[tuple[DialInServer, Door]]:
    """A CSMS and CEM by TLS; stations of these names must show a certificate, others a password."""
    door = Door(lambda _, password: password == PASSWORD, by_certificate)
    tls = server_context(TlsFiles(str(files.server[0]), str(files.server[1]), str(files.ours.file)))
    server = DialInServer(door=door, tls=tls, clock=lambda: NOW)
    await server.start()
    try:
        yield server, door
    finally:
        await server.close()


def station(name: str) -> StationMachine:
    """A simulated station."""
    unit = SimpleNamespace(max_power_w=11_000.0, session=None, limit_w=None, power_w=0.0, energy_import_wh=1234.0)
    machine = StationMachine(name, unit)
    machine.start(NOW)
    return machine


async def opened(files: Files, name: str, tls: DialTls, password: str, by_certificate: tuple[str, ...] = ()) -> str:
    """What our driver reads of a station's register, or why the station is not let in."""
    async with serving(files, *by_certificate) as (server, _):
        port = StationPort(name, server=server, timeout_s=PATIENCE_S)
        url = server.url("ocpp", name)
        assert url.startswith("wss://")
        out = DialOut(station(name), url, (name, password), "ocpp2.0.1", tls=tls.context(name))
        opening = asyncio.create_task(port.open(NOW))
        out.dial()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not opening.done() and not out.refusal:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.01)
            if out.refusal:
                return out.refusal
            await opening
            energy = next(one for one in await port.measure(NOW) if one.kind is Kind.ENERGY_IMPORT)
            return f"{energy.value:g} Wh"
        finally:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            await out.hang_up()
            await port.close()


@pytest.mark.parametrize(
    ("name", "password", "by_certificate", "found"),
    [
        ("cs1", PASSWORD, (), "1234 Wh"),  # profile 2 (its certificate is shown, too, and is its own)
        ("cs1", "", ("cs1",), "1234 Wh"),  # profile 3
        ("cs1", "another-password", (), "HTTP 401"),
        ("cs3", "", ("cs3",), "HTTP 401"),  # it shows the certificate of cs2
        ("gw", "", ("gw",), "HTTP 401"),  # it has none
    ],
)
def test_a_station_is_let_in_by_what_it_shows(
    files: Files, name: str, password: str, by_certificate: tuple[str, ...], found: str
) -> None:
    """Security profiles 2 and 3 against our own server; another's certificate or none opens nothing."""
    tls = DialTls(str(files.ours.file), files.folder)
    assert found in asyncio.run(opened(files, name, tls, password, by_certificate))


@pytest.mark.parametrize("ca", ["", "strange"])
def test_a_server_that_nobody_vouches_for_is_told_nothing(files: Files, ca: str) -> None:
    """Signed by none that is trusted: the station breaks off before it says its password."""
    tls = DialTls(str(files.strange.file) if ca else "")
    assert "CERTIFICATE_VERIFY_FAILED" in asyncio.run(opened(files, "cs1", tls, PASSWORD))


def test_a_certificate_for_another_host_is_none(files: Files) -> None:
    """The name in the URL must stand in it."""

    async def run() -> str:
        async with serving(files) as (server, _):
            url = server.url("ocpp", "cs1").replace("127.0.0.1", "localhost")
            out = DialOut(
                station("cs1"), url, ("cs1", PASSWORD), "ocpp2.0.1", tls=DialTls(str(files.ours.file)).context("cs1")
            )
            out.dial()
            async with asyncio.timeout(PATIENCE_S):
                while not out.refusal:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.01)
            await out.hang_up()
            return out.refusal

    assert "Hostname mismatch" in asyncio.run(run())


def test_a_gateway_speaks_s2_by_tls(files: Files) -> None:
    """Handshake, description and readings over wss."""

    async def run() -> tuple[int, set[Quality]]:
        async with serving(files) as (server, _):
            port = GatewayPort("gw", server=server, timeout_s=PATIENCE_S)
            machine = GatewayMachine("gw", Room())
            machine.start(NOW)
            out = DialOut(
                machine, server.url("s2", "gw"), ("gw", PASSWORD), "s2", tls=DialTls(str(files.ours.file)).context("gw")
            )
            out.dial()
            try:
                plate = await port.open(NOW)
                return plate.max_consumption_w, {one.quality for one in await port.measure(NOW)}
            finally:
                await out.hang_up()
                await port.close()

    assert asyncio.run(run()) == (4000, {Quality.GOOD})


def test_a_site_of_simulators_dials_by_tls(files: Files, simulate: Callable[..., Simulation], noon: datetime) -> None:
    """A station and a gateway of Strem through `SimulatorHost`, as `iles devices simulate --ca` has them."""

    async def run(ca: str) -> tuple[list[str], dict[str, str]]:
        simulation = simulate(noon)
        station, gateway = (
            next(name for name in simulation.names if simulation.kind(name) is kind)
            for kind in (DeviceKind.STATION, DeviceKind.GATEWAY)
        )
        host = SimulatorHost(simulation, tls=DialTls(ca))
        async with serving(files) as (server, _):
            ports: list[StationPort | GatewayPort] = [
                StationPort(station, server=server, timeout_s=PATIENCE_S),
                GatewayPort(gateway, server=server),
            ]
            opening = [asyncio.ensure_future(port.open(noon)) for port in ports]
            urls = {name: server.url(part, name) for name, part in ((station, "ocpp"), (gateway, "s2"))}
            await host.dial({name: (url, name, PASSWORD) for name, url in urls.items()})
            try:
                async with asyncio.timeout(PATIENCE_S):
                    while not host.refused() and not all(one.done() for one in opening):  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                return [one.result().manufacturer for one in opening if one.done()], host.refused()
            finally:
                for one in opening:
                    one.cancel()
                await asyncio.gather(*opening, return_exceptions=True)
                await host.close()
                for port in ports:
                    await port.close()

    assert asyncio.run(run(str(files.ours.file))) == (["ILES", "ILES"], {})
    opened, refused = asyncio.run(run(str(files.strange.file)))
    assert opened == []
    assert refused
    assert all("CERTIFICATE_VERIFY_FAILED" in why for why in refused.values())


def test_files_that_do_not_fit_are_one_sentence(files: Files, tmp_path: Path) -> None:
    """Each by its name, whether it is for stations or for a broker."""
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    (files.folder / "cs9.pem").write_text("nothing")
    for make, words in (
        (lambda: DialTls(str(nothing)).context("cs1"), r"ca: .*nothing\.pem cannot be read"),
        (lambda: DialTls(str(files.ours.file), files.folder).context("cs9"), r"certificate: .*cs9\.pem and its key"),
        (broker_address(f"mqtts://127.0.0.1/homeassistant?ca={nothing}").context, r"ca: .*nothing\.pem cannot be read"),
    ):
        with pytest.raises(BadInput, match=words):
            make()
    for url in ("mqtt://127.0.0.1/homeassistant?ca=/x.pem", "mqtts://127.0.0.1/homeassistant?ca="):
        with pytest.raises(BadInput, match=r"expected a PEM file, and mqtts://"):
            broker_address(url)
    assert broker_address("mqtt://127.0.0.1/homeassistant").context() is None
