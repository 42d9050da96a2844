"""Modbus over TLS: both sides show a certificate, and nothing is said to who has none that is trusted."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cim.model.devices import DeviceKind, Mode, Setpoint
from cim.model.errors import BadInput
from devices.port.errors import DeviceUnreachable
from devices.simulators.sunspec.server import ModbusTcpServer
from devices.sunspec.driver import SunSpecPlant, sunspec_port
from devices.sunspec.meter_sign import Sign
from devices.sunspec.secure_address import is_secure, secure_address

PATIENCE_S = 60.0


def _certificate(folder: Path, name: str) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"],
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of a device, of ILES, and of a stranger."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make certificates")
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("device", "iles", "stranger"):
        _certificate(folder, name)
    return folder


def served(device: Any, files: Path, query: str, now: datetime, host: str = "127.0.0.1") -> float | None:
    """What a plant behind TLS is held to after a limit of 2 kW by who asks for it so."""

    async def run() -> float | None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(files / "device.pem", files / "device.key")
        tls.load_verify_locations(files / "iles.pem")
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.maximum_version = (
            ssl.TLSVersion.TLSv1_2
        )  # whose handshake tells a refused certificate before the first request
        server = ModbusTcpServer(tls=tls)
        port = await server.add(device.sunspec_device)
        where = secure_address(f"mbaps://{host}:{port}/1?{query.format(files=files)}")
        plant = sunspec_port("dut", DeviceKind.PV, where.registers(PATIENCE_S))
        assert isinstance(plant, SunSpecPlant)
        try:
            await plant.open(now)
            await plant.command(Setpoint(Mode.LIMIT, -2000), now + timedelta(minutes=15), now)
        finally:
            await plant.close()
            await server.close()
        return float(device.unit.limit_w)

    return asyncio.run(run())


def test_a_plant_is_read_and_limited_by_tls(make: Callable[..., Any], files: Path, now: datetime) -> None:
    """With both certificates trusted all is as without TLS."""
    device = make("pv_123", rated_w=5000.0)
    query = "ca={files}/device.pem&certificate={files}/iles.pem&key={files}/iles.key"
    assert served(device, files, query, now) == pytest.approx(-2000.0, abs=1.0)


@pytest.mark.parametrize(
    "query",
    [
        "ca={files}/stranger.pem&certificate={files}/iles.pem&key={files}/iles.key",
        "certificate={files}/iles.pem&key={files}/iles.key",
        "ca={files}/device.pem&certificate={files}/stranger.pem&key={files}/stranger.key",
        "ca={files}/device.pem",
    ],
    ids=["another device", "a device nobody vouches for", "a stranger asks", "nobody asks"],
)
def test_without_trust_nothing_is_said(make: Callable[..., Any], files: Path, now: datetime, query: str) -> None:
    """Whichever side is not trusted: the sentence says so, and the plant runs by its own rule."""
    device = make("pv_123", rated_w=5000.0)
    with pytest.raises(DeviceUnreachable, match=r"TLS is not agreed on|the link dropped|nothing accepts"):
        served(device, files, query, now)
    assert device.unit.limit_w is None


def test_an_address_says_all_of_it() -> None:
    """The port of Modbus/TCP Security and unit 1 where nothing else is said; a meter's options as without TLS."""
    found = secure_address("mbaps://meter.example?ca=/c.pem&certificate=/a.pem&key=/a.key&meter=2&sign=given")
    assert (found.host, found.port, found.unit, found.ca, found.certificate, found.key) == (
        *("meter.example", 802, 1),
        *("/c.pem", "/a.pem", "/a.key"),
    )
    assert (found.meter, found.sign) == (2, Sign.GIVEN)
    assert secure_address("mbaps://a:1802/71").unit == 71
    assert is_secure("mbaps://a")
    assert not is_secure("a:502")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mbaps://a:x/1", "is no URL with a port"),
        ("mbaps://a/300", "is no place of a device; expected mbaps://HOST:PORT/UNIT?ca=FILE"),
        ("modbus://a/1", "is no place of a device"),
        ("mbaps://a/1?pin=3", "option 'pin'"),
        ("mbaps://a/1?meter=0", "meter '0'"),
        ("mbaps://a/1?key=/k", "has a key and no certificate"),
    ],
)
def test_an_address_that_is_none_is_a_sentence(url: str, words: str) -> None:
    """It shows the URL and what was expected."""
    with pytest.raises(BadInput, match=r"^address: ") as caught:
        secure_address(url)
    assert words in str(caught.value)


@pytest.mark.parametrize("option", ["ca", "certificate"])
def test_a_file_that_is_no_certificate_is_a_sentence(tmp_path: Path, option: str) -> None:
    """Missing, or something else: before anything is dialled."""
    other = tmp_path / "notes.txt"
    other.write_text("no certificate")
    for path in (other, tmp_path / "nothing.pem"):
        with pytest.raises(BadInput, match=f"^{option}: .* cannot be read"):
            secure_address(f"mbaps://a/1?{option}={path}").context()
