"""`iles devices`: simulated devices on their own, and commissioning of real ones."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from devices.dial_in.tls import TlsFiles

app = typer.Typer(name="devices", help="Simulate a site's devices, or look at real ones.", no_args_is_help=True)

Host = Annotated[str, typer.Option(help="Address to listen on.")]
PasswordFile = Annotated[Path | None, typer.Option("--passwords", help="File with lines NAME=PASSWORD.")]


@app.command("simulate")
def simulate_command(
    site: Annotated[str, typer.Argument(metavar="SITE", help="A site's name or the path of its file.")],
    date: Annotated[str | None, typer.Option(help="Local day to simulate; the site's default day if left out.")] = None,
    host: Host = "127.0.0.1",
    base_port: Annotated[int, typer.Option(help="Port of the first SunSpec device; 0 for any.")] = 15020,
    csms: Annotated[str | None, typer.Option(help="Where stations dial: ws://host:port/ocpp, wss: by TLS")] = None,
    s2: Annotated[str | None, typer.Option(help="Where gateways dial: ws://host:port/s2, wss: by TLS")] = None,
    mqtt: Annotated[
        str | None,
        typer.Option(
            help="Broker behind which buildings stand instead of speaking S2: mqtt://host:port/homeassistant, "
            "by TLS mqtts://host:port/homeassistant?ca=FILE"
        ),
    ] = None,
    passwords: PasswordFile = None,
    ca: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Whose signature the certificate of a wss:// server has, PEM; else whom the machine trusts.",
        ),
    ] = None,
    certificates: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="NAME.pem and NAME.key of devices that show a certificate (security profile 3)."
        ),
    ] = None,
    speed: Annotated[float, typer.Option(help="Simulated seconds for each second.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Makes small differences between devices of a kind.")] = 0,
    seconds: Annotated[float | None, typer.Option(help="End after so many seconds.")] = None,
    present: Annotated[
        bool, typer.Option("--present", help="Run now, on days of the profile year like those of the present.")
    ] = False,
    endpoints: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Serve and dial as this endpoints file of `iles up` says; made if not there."
        ),
    ] = None,
    misbehave: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DEVICE=WORDS",
            help="Let a device misbehave as real ones do. SunSpec: busy, short, swapped-bytes, swapped-words, stale, heedless, "
            "passes-over, single-writes, unknown-power, zero-counters, jumping-counters, wrapping-counters, other-end, "
            "slow=SECONDS, most-read=REGISTERS; several with commas. A building behind a broker: silent, heedless, passes-over, "
            "kilowatts, not-a-number, endless, templated, ambiguous, kept. An S2 gateway or appliance: silent, late, heedless, "
            "no-status, kilowatts, one-id, not-a-number, no-json. A charging station: queue-last, same-ids, no-composite, "
            "no-needs, kilowatt-hours, no-unit, wrong-context, clock=HOURS.",
        ),
    ] = None,
    ocpp: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VERSION",
            help="What stations speak, where it is not what the site file says: 1.6, 2.0.1 or 2.1 for all, or STATION=1.6 for one.",
        ),
    ] = None,
) -> None:
    """Run a site's simulated devices alone, until Ctrl-C.

    The simulation begins on the chosen day at the present time of day, and stations and gateways put that time on
    their messages. With --present and --endpoints they stand in for a site's real devices.
    """
    with one_sentence():
        from devices.simulators.dial_tls import DialTls
        from experiments.cli.devices_simulate import Options, simulate

        options = Options(
            *(site, date, host, base_port, csms, s2, read_passwords(passwords), speed, seed, present, endpoints),
            misbehave=tuple(_named(text) for text in misbehave or ()),
            mqtt=mqtt,
            ocpp=tuple(ocpp or ()),
            tls=DialTls("" if ca is None else str(ca), certificates),
        )
        _until_stopped(simulate(options), seconds)


@app.command("csms")
def csms_command(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any.")] = 9000,
    host: Host = "127.0.0.1",
    password: Annotated[
        list[str] | None, typer.Option("--password", metavar="STATION=SECRET", help="A station and its password.")
    ] = None,
    passwords: PasswordFile = None,
    seconds: Annotated[float | None, typer.Option(help="End after so many seconds.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="Our certificate (PEM): stations dial with TLS.")] = None,
    key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    clients: Annotated[Path | None, typer.Option(help="Authorities (PEM) of stations' own certificates.")] = None,
    certified: Annotated[
        list[str] | None, typer.Option(metavar="STATION", help="A station that comes with its certificate.")
    ] = None,
) -> None:
    """Listen as a CSMS (OCPP 2.1, 2.0.1 and 1.6) and show what charging stations report and who is refused, until Ctrl-C.

    Security profile 1 (a password), 2 (with --certificate and --key) or 3 (with --clients and --certified, too).
    """
    with one_sentence():
        from experiments.cli.devices_commissioning import csms

        tls = _tls(certificate, key, clients, certified)
        _until_stopped(csms(host, port, _known(password, passwords), tls, tuple(certified or ())), seconds)


@app.command("password")
def password_command(
    given: Annotated[str | None, typer.Option("--of", help="Hash this one instead of a new one.")] = None,
) -> None:
    """Draw a password for a station or gateway, and show once what an endpoints file may keep instead of it."""
    from secrets import token_urlsafe

    from devices.dial_in.passwords import hashed

    password = token_urlsafe(18) if given is None else given
    typer.echo(f"password, for the device:         {password}")
    typer.echo(f"hash of it, for the file:         {hashed(password)}")


Timeout = Annotated[float, typer.Option(help="Seconds to wait for an answer.")]
Url = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help="modbus://HOST:PORT/UNIT, or by TLS mbaps://HOST:PORT/UNIT?ca=FILE&certificate=FILE&key=FILE; "
        "mqtt://HOST:PORT/PREFIX of a building behind a broker (?device=NAME where it is one of "
        "several); or where it is to dial in: ocpp://HOST:PORT/STATION, s2://HOST:PORT/NAME",
    ),
]
Passwords = Annotated[
    list[str] | None,
    typer.Option("--password", metavar="NAME=SECRET", help="A device that dials in, and its password."),
]


@app.command("scan")
def scan_command(
    where: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where the device listens (Modbus TCP).")],
    unit: Annotated[int, typer.Option(help="Modbus unit identifier.")] = 1,
    timeout: Timeout = 3.0,
) -> None:
    """Scan a SunSpec device: its models, and for each duty that it can do what it is and its readings now."""
    with one_sentence():
        from experiments.cli.devices_probe import Place, scan_device

        host, port = _address(where)
        asyncio.run(scan_device(Place("modbus", host, port, unit), timeout))


@app.command("probe")
def probe_command(
    url: Url, timeout: Timeout = 10.0, password: Passwords = None, passwords: PasswordFile = None
) -> None:
    """What a device is and can do, as a table, without writing to it.

    For example: iles devices probe modbus://192.168.7.21:502/1, or
    iles devices probe ocpp://127.0.0.1:9000/park-1 --password park-1=secret
    """
    with one_sentence():
        from experiments.cli.devices_probe import probe_device

        asyncio.run(probe_device(url, timeout, _known(password, passwords)))


@app.command("watch")
def watch_command(
    url: Url,
    timeout: Timeout = 10.0,
    password: Passwords = None,
    passwords: PasswordFile = None,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 5.0,
    seconds: Annotated[float | None, typer.Option(help="End after so many seconds.")] = None,
) -> None:
    """What a device measures, a line for each value that changes, until Ctrl-C; nothing is written to it."""
    with one_sentence():
        from experiments.cli.devices_probe import watch_device

        _until_stopped(watch_device(url, timeout, _known(password, passwords), interval), seconds)


def _tls(
    certificate: Path | None, key: Path | None, clients: Path | None, certified: list[str] | None
) -> TlsFiles | None:
    from cim.model.errors import BadInput
    from devices.dial_in.tls import TlsFiles

    if (certificate is None) != (key is None):
        raise BadInput("--certificate: one of certificate and key is given; expected both, or neither")
    if certificate is None or key is None:
        if clients is not None or certified:
            raise BadInput("--clients: stations' certificates need TLS; expected --certificate and --key, too")
        return None
    if certified and clients is None:
        raise BadInput("--certified: nobody vouches for certificates; expected --clients with their authorities")
    return TlsFiles(str(certificate), str(key), "" if clients is None else str(clients))


def _known(password: list[str] | None, path: Path | None) -> dict[str, str]:
    return {**read_passwords(path), **dict(_pair(item, "--password") for item in password or ())}


def read_passwords(path: Path | None) -> dict[str, str]:
    """The lines NAME=PASSWORD of a file; empty lines and those that begin with # are skipped. Raises `BadInput`."""
    if path is None:
        return {}
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    return dict(_pair(line.strip(), f"{path} line {n}") for n, line in lines if line.strip() and line.strip()[0] != "#")


def _pair(text: str, place: str) -> tuple[str, str]:
    from cim.model.errors import BadInput

    name, equals, secret = text.partition("=")
    if not (name and equals and secret):
        raise BadInput(f"{place}: what is given there is no NAME=PASSWORD; expected both, with = between them")
    return name, secret


def _named(text: str) -> tuple[str, str]:
    name, equals, words = text.partition("=")
    if not name or not equals:
        from cim.model.errors import BadInput

        raise BadInput(f"--misbehave: {text!r} does not fit; expected DEVICE=WORDS, such as farm-1.pv=busy")
    return name, words


def _address(text: str) -> tuple[str, int]:
    from cim.model.errors import BadInput

    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise BadInput(f"device: {text!r} is not an address; expected HOST:PORT such as 127.0.0.1:502")
    return host.strip("[]"), int(port)


def _until_stopped(work: Coroutine[object, None, None], seconds: float | None) -> None:
    """Run until it ends, Ctrl-C, a SIGTERM, or for `seconds`; the work may tidy up."""

    async def run() -> None:
        task = asyncio.ensure_future(work)
        stop: Callable[[], object] = task.cancel
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        if seconds is not None:
            loop.call_later(seconds, stop)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())


@contextmanager
def one_sentence() -> Iterator[None]:
    """What goes wrong as one sentence with exit code 2, never a traceback."""
    from cim.model.errors import BadInput
    from devices.port.errors import DeviceError

    try:
        yield
    except (BadInput, DeviceError) as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(2) from error
    except (OSError, UnicodeDecodeError) as error:
        typer.secho(f"file: it cannot be read or written ({error})", err=True, fg="red")
        raise typer.Exit(2) from error
