"""A simulated site as a process of its own: `python -m devices.simulators`; see `devices.simulators.control`.

On start it writes one line of JSON to standard output, `{"control": port, "endpoints": {name: [host, port]}}`, and
nothing else; with a log that is long to replay, lines `{"replayed": instant, "share": 0..1}` before it, and with one
that was begun before, `"replayed": inputs` and `"now": instant` in it. It ends with the control connection that came
first, unless it is told to stay.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hmac
import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from cim.model.errors import BadInput, IlesError
from devices.simulators.control import TOKEN_VARIABLE, read_message, write_message
from devices.simulators.host import SimulatorHost
from devices.simulators.recording import RecordedSimulation
from devices.simulators.recording_log import LogFailed
from devices.simulators.simulation import Simulation

_ORPHAN_S = 60.0  # without a control connection until then, whoever started it is gone


class ControlServer:
    """Answers control connections; one request at a time, whoever asks."""

    def __init__(self, host: SimulatorHost, token: str, stay: bool) -> None:
        self._host, self._token, self._stay = host, token, stay
        self._lock = asyncio.Lock()
        self._owned = asyncio.Event()
        self._over = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen on loopback; returns the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def run(self) -> None:
        """Return when it is over: stopped, or left alone."""
        if not self._stay:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._owned.wait(), _ORPHAN_S)
            if not self._owned.is_set():
                return
        await self._over.wait()

    def stop(self) -> None:
        """It is over."""
        self._owned.set()
        self._over.set()

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        owner = False
        try:
            first = await read_message(reader)
            if not isinstance(first, str) or not hmac.compare_digest(first.encode(), self._token.encode()):
                return  # without the token nothing is told, not even what was wrong
            owner = not self._owned.is_set()
            self._owned.set()
            await write_message(writer, ("ok", None))
            while True:
                request = await read_message(reader)
                await write_message(writer, await self._answer(request))
                if request == ("stop",):
                    self.stop()
        except (OSError, asyncio.IncompleteReadError, BadInput):
            pass  # it hung up, or speaks something else
        finally:
            writer.close()
            if owner and not self._stay:
                self.stop()

    async def _answer(self, request: object) -> tuple[str, object]:
        async with self._lock:
            try:
                return "ok", await self._do(request)
            except BadInput as error:
                return "input", str(error)
            except LogFailed as error:
                return "full", str(error)
            except IlesError as error:
                return "fault", str(error)

    async def _do(self, request: object) -> object:
        host, simulation = self._host, self._host.simulation
        match request:
            case ("endpoints",):
                return host.endpoints
            case ("kinds",):
                return {name: simulation.kind(name) for name in simulation.names}
            case ("dial", dict() as targets):
                await host.dial({str(name): _target(target) for name, target in targets.items()})
                return None
            case ("advance", datetime() as to):
                return await host.advance(to)
            case ("truth", datetime() as start, datetime() as end):
                return simulation.truth(start, end)
            case ("truth_by_kind", datetime() as start, datetime() as end):
                return simulation.truth_by_kind(start, end)
            case ("device_truth", datetime() as start, datetime() as end):
                return simulation.device_truth(start, end)
            case ("silence", str() as name, bool() as lost):
                await host.silence(name, lost)
                return None
            case ("misbehave", str() as name, str() as words):
                simulation.misbehave(name, words)
                return None
            case ("now",):
                return simulation.now
            case ("stop",):
                return None
        operation = request[0] if isinstance(request, tuple) and request else request
        raise BadInput(f"request: {str(operation)[:40]!r} is unknown or has other arguments than expected")


def _target(target: object) -> tuple[str, str, str]:
    match target:
        case (str() as url, str() as user, str() as password):
            return url, user, password
    raise BadInput("dial: a target does not fit; expected (url, user, password)")


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"start: {text!r} is not an instant; expected ISO 8601 such as 2016-05-20T00:00+00:00") from None
    if at.tzinfo is None:
        raise BadInput(f"start: {text!r} has no offset; expected one, such as 2016-05-20T00:00+00:00")
    return at.astimezone(UTC)


async def _run(arguments: argparse.Namespace, token: str) -> None:
    from environment.profiles.library import load
    from environment.sites.loader import load_site

    site = load_site(arguments.site)
    given = (site, load(site.profiles), _instant(arguments.start), arguments.seed)
    simulation = Simulation(*given) if arguments.log is None else RecordedSimulation(*given, arguments.log, _tell_share)
    told = {"replayed": simulation.replayed, "now": simulation.now.isoformat()} if simulation.replayed else {}
    host = SimulatorHost(simulation, arguments.host)
    control = ControlServer(host, token, arguments.stay)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, control.stop)
    try:
        await host.serve(arguments.base_port)
        port = await control.start()
        _tell({"control": port, "endpoints": host.endpoints, **told})
        await control.run()
    finally:
        await control.close()
        await host.close()
        simulation.close()


def _tell(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _tell_share(at: datetime, share: float) -> None:
    _tell({"replayed": at.isoformat(), "share": round(share, 3)})


def main() -> int:
    """Run; the exit code is 2 for input that does not fit, said in one sentence on standard error."""
    parser = argparse.ArgumentParser("python -m devices.simulators", description="A simulated site on real wires.")
    parser.add_argument("--site", required=True, help="a site's name or file")
    parser.add_argument("--start", required=True, help="the first instant, ISO 8601 with offset")
    parser.add_argument("--seed", type=int, default=0, help="makes small differences between units of a kind")
    parser.add_argument("--host", default="127.0.0.1", help="address the SunSpec devices listen on")
    parser.add_argument("--base-port", type=int, default=0, help="the first SunSpec device's port; 0: any")
    parser.add_argument("--log", type=Path, help="keep what is done to the site here, and go on where it ends")
    parser.add_argument("--stay", action="store_true", help="do not end with the first control connection")
    arguments = parser.parse_args()
    try:
        token = os.environ.pop(TOKEN_VARIABLE, "")
        if not token:
            raise BadInput(f"{TOKEN_VARIABLE}: not set; expected the token that the control channel asks for")
        asyncio.run(_run(arguments, token))
    except BrokenPipeError:
        return 1  # whoever started it is gone
    except (BadInput, LogFailed) as error:
        sys.stderr.write(f"{' '.join(str(error).splitlines())}\n")
        return 2
    return 0
