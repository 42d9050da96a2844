"""The `iles devices` commands as people run them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from cim.model.fresh import Fresh
from cim.model.readings import Quality
from devices.dial_in.passwords import known_passwords
from devices.simulators.dial_out import DialOut
from devices.simulators.station.machine import StationMachine
from experiments.cli.devices import app
from experiments.cli.devices_commissioning import clock_note

_RUN = "import sys; from experiments.cli.devices import app; app()"
# `simulate` begins at the present time of day, and what a battery does depends on it: here it is five past midnight.
_RUN_AT_MIDNIGHT = (
    """
import datetime
from experiments.cli import devices_simulate

class Midnight(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime(2026, 5, 19, 22, 5, tzinfo=datetime.UTC)  # 00:05 in Vienna

devices_simulate.datetime = Midnight
"""
    + _RUN
)


def _invoke(*arguments):
    return CliRunner().invoke(app, list(arguments))


@contextmanager
def _running(*arguments, until, run=_RUN):
    """The command as a process, once it has said what `until` matches; yields (process, what it said so far)."""
    process = subprocess.Popen(
        [sys.executable, "-c", run, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "COLUMNS": "160", "PYTHONUNBUFFERED": "1"},
    )
    said = ""
    try:
        assert process.stdout is not None
        while not re.search(until, said):
            line = process.stdout.readline()
            assert line, said
            said += line
        yield process, said
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("simulate", "atlantis"), "site: 'atlantis' is unknown"),
        (("simulate", "strem", "--date", "someday"), "--date: 'someday' is not a date"),
        (("simulate", "strem", "--date", "2031-01-01"), "is outside the profiles"),
        (("simulate", "strem", "--speed", "0"), "--speed: 0 does not fit"),
        (("simulate", "strem", "--present", "--speed", "2"), "--present: --date or --speed is given too"),
        (("simulate", "strem", "--present", "--date", "2016-05-20"), "expected neither, the present is now and real"),
        (("simulate", "strem", "--misbehave", "busy"), "--misbehave: 'busy' does not fit; expected DEVICE=WORDS"),
        (("simulate", "strem", "--base-port", "0", "--misbehave", "farm-1.pv=rude"), "misbehave: 'rude' is unknown"),
        (("simulate", "strem", "--csms", "http://x"), "--csms: 'http://x' is no WebSocket URL"),
        (("simulate", "strem", "--csms", "ws://x/ocpp"), "has none; expected a line"),
        (("simulate", "strem", "--csms", "ws://x/ocpp", "--certificates", "."), "has none; expected a line"),
        (("simulate", "strem", "--csms", "wss://x/ocpp", "--certificates", "."), "has none; expected a line"),
        (("simulate", "strem", "--ca", "/x.pem"), "--ca: it or --certificates is given, and nothing dials by TLS"),
        (("simulate", "strem", "--passwords", "/nowhere"), "file: it cannot be read or written"),
        (
            ("simulate", "strem", "--ocpp", "1.5"),
            "--ocpp: '1.5' does not fit; expected 1.6, 2.0.1, 2.1 or STATION=VERSION",
        ),
        (("simulate", "strem", "--ocpp", "farm-1.pv=1.6"), "for example farm-4.station=1.6"),
        (("csms",), "no station is known"),
        (("csms", "--certificate", "x.pem", "--password", "cs1=x"), "expected both, or neither"),
        (("csms", "--certified", "cs1"), "stations' certificates need TLS"),
        (
            ("csms", "--certified", "cs1", "--certificate", "x", "--key", "x"),
            "expected --clients with their authorities",
        ),
        (
            ("csms", "--certificate", "/x", "--key", "/x", "--password", "cs1=x"),
            "expected a certificate and its private key",
        ),
        (("csms", "--password", "cs1"), "expected both, with = between them"),
        (("scan", "nowhere"), "'nowhere' is not an address"),
        (("scan", "127.0.0.1:1"), "expected a Modbus TCP device"),
    ],
)
def test_what_does_not_fit_is_one_sentence(arguments, sentence):
    """Exit code 2 and a sentence on standard error, whatever is wrong; a secret is never repeated."""
    result = _invoke(*arguments)
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output


def test_a_password_is_drawn_with_its_hash():
    """Each time another, long enough for a station (16 signs), and the hash is that of the password beside it."""
    drawn = [re.findall(r": +(\S+)", _invoke("password").stdout) for _ in range(2)]
    assert drawn[0][0] != drawn[1][0]
    for password, kept in drawn:
        assert 16 <= len(password) <= 40
        assert known_passwords({"cs1": kept})("cs1", password)
    _, kept = re.findall(r": +(\S+)", _invoke("password", "--of", "sixteen-letters!").stdout)
    assert known_passwords({"cs1": kept})("cs1", "sixteen-letters!")


@pytest.mark.slow
def test_a_busy_port_is_named():
    """`simulate` and `csms` name the port that they cannot have."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        for arguments in (
            ("simulate", "strem", "--base-port", str(port)),
            ("csms", "--port", str(port), "--password", "cs1=secret"),
        ):
            result = _invoke(*arguments)
            assert result.exit_code == 2
            assert f"port: {port} on 127.0.0.1 cannot be listened on" in result.stderr


@pytest.mark.slow
def test_an_independent_client_scans_a_simulated_device_and_so_do_we():
    """pysunspec2's own client finds what `simulate` shows; `scan` prints it; Ctrl-C ends it."""
    from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

    simulate = ("simulate", "strem", "--base-port", "0")
    with _running(*simulate, until="Ctrl-C ends it", run=_RUN_AT_MIDNIGHT) as (process, said):
        assert "dials if given --csms" in said
        assert " 00:05:00 " in said
        found = re.search(r"farm-3\.battery .*127\.0\.0\.1:(\d+)", said)
        assert found, said
        device = SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr="127.0.0.1", ipport=int(found[1]), timeout=10)
        try:
            device.scan()
            assert [key for key in device.models if isinstance(key, int)] == [1, 103, 120, 121, 124, 701]
            device.DERMeasureAC[0].read()
            assert 0 < device.DERMeasureAC[0].W.cvalue < 18_300, "at midnight it serves its farm"
            assert device.common[0].SN.cvalue == "farm-3.battery"
        finally:
            device.close()
        result = _invoke("scan", f"127.0.0.1:{found[1]}")
        assert result.exit_code == 0, result.output
        assert "DERMeasureAC" in result.stdout
        assert "ILES simulator farm-3.battery; can do the duty of a battery" in result.stdout
        assert re.search(r"energy_import 0 Wh \(GOOD\)", result.stdout)
        result = _invoke("probe", f"modbus://127.0.0.1:{found[1]}/1")
        assert result.exit_code == 0, result.output
        assert "battery" in result.stdout
        assert "Stores" in result.stdout
        result = _invoke("watch", f"127.0.0.1:{found[1]}", "--seconds", "1", "--interval", "0.2")
        assert result.exit_code == 0, result.output
        assert re.search(r"battery: energy_import 0 Wh \(GOOD\)", result.stdout)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate()
        assert (process.returncode, rest) == (0, "")


@pytest.mark.parametrize("url", ["nowhere", "http://a:1", "ocpp://a:1", "modbus://a:1/x", "a:99999"])
def test_probe_wants_an_address_it_can_use(url):
    """One sentence and exit code 2."""
    result = _invoke("probe", url)
    assert result.exit_code == 2
    assert "expected modbus://HOST:PORT/UNIT" in result.stderr


@pytest.mark.slow
def test_the_commissioning_csms_shows_what_a_station_reports(tmp_path):
    """Boot, state and readings of a station that dials in are printed under its name; its password is not.

    A value is shown as the station told it; where its date is far from our clock, the line says how far.
    """
    from types import SimpleNamespace

    dated = datetime.now(UTC).replace(microsecond=0) - timedelta(days=212)
    unit = SimpleNamespace(max_power_w=11_000.0, session=None, limit_w=None, power_w=0.0, energy_import_wh=1234.0)
    secrets = tmp_path / "passwords"
    secrets.write_text("# stations\ncs1=open sesame\n")
    with _running("csms", "--port", "0", "--passwords", str(secrets), until=r"ws://\S+/ocpp/cs1") as (process, said):
        url = re.search(r"ws://\S+/ocpp/cs1", said)[0]

        async def visit():
            machine = StationMachine("cs1", unit)
            machine.start(dated)
            out = DialOut(machine, url, ("cs1", "open sesame"), "ocpp2.0.1")
            out.dial()
            await out.settled()
            await out.hang_up()

        asyncio.run(visit())
        process.send_signal(signal.SIGINT)
        heard = process.communicate()[0]
    assert "cs1  is ILES, Simulated AC 1, cs1, 1" in heard
    told = f"cs1  energy_import 1234 Wh (GOOD) at {dated:%Y-%m-%d %H:%M:%S}Z"
    assert f"{told}, 212 days behind our clock: old, or the station's clock is off" in heard
    assert "sesame" not in said + heard


@pytest.mark.parametrize(
    ("age_s", "told", "note"),
    [
        (1800.0, Quality.GOOD, ""),
        (-1800.0, Quality.GOOD, ""),
        (1860.0, Quality.GOOD, ", 31 minutes behind our clock: old, or the station's clock is off"),
        (-7200.0, Quality.GOOD, ", 2 hours ahead of our clock: old, or the station's clock is off"),
        (86_400.0 * 3, Quality.GOOD, ", 3 days behind our clock: old, or the station's clock is off"),
        (86_400.0 * 3, Quality.INVALID, ""),
    ],
)
def test_commissioning_notes_a_value_dated_far_from_our_clock(age_s, told, note):
    """Within its lifetime nothing is said; beyond it, how far and in which direction; a bad value is bad already."""
    now = datetime(2026, 5, 1, tzinfo=UTC)
    assert clock_note(Fresh(1.0, now - timedelta(seconds=age_s), 1800.0, told), now) == note
