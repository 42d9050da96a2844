"""The Ray actor around a host, and the Ray task that carries out jobs. Everything crosses as wire bytes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import ray

from agents.runtime.casting import AgentSpec
from agents.runtime.host import Host
from agents.runtime.shelf import Shelf
from agents.runtime.wires import DIAL_IN, DirectWorld, direct_port, tcp_port
from cim.model.codec import decode, encode
from devices.dialin import DialInServer, known_passwords
from devices.port import Port


@ray.remote(num_cpus=1, max_retries=3)
def run_job(job: str, arguments: bytes) -> bytes:
    """A job (`agents.planning.jobs`) in a worker of its own; pure, so that Ray may run it again."""
    import agents.runtime.registry  # noqa: F401 - Ray ships this function alone, without its module's imports
    from agents.planning.jobs import run

    return encode(run(job, decode(arguments)))


async def _remote(job: str, arguments: tuple[Any, ...]) -> Any:
    return decode(await run_job.remote(job, encode(arguments)))


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)
class HostActor:
    """A host in a Ray actor; its papers come by `configure`, so that a restarted actor can be given them again.

    The methods are plain calls: an asyncio actor costs Ray twice the time per call and a third more at the start.
    """

    def __init__(self) -> None:
        import agents.runtime.registry  # noqa: F401 - Ray ships this class alone, without its module's imports
        from agents.runtime.loops import Loop

        self._loop = Loop()
        self._world: DirectWorld | None = None
        self._server: DialInServer | None = None
        self._host: Host | None = None

    def configure(self, setup: bytes, world: DirectWorld | None, incarnation: int) -> None:
        """Take the encoded papers (see `RayStage`), the simulated site (None for sockets), and which life this is."""
        specs, self._rules, self._weather, endpoints, self._passwords, self._ledger, self._meta = decode(setup)
        self._specs: tuple[AgentSpec, ...] = specs
        self._endpoints: dict[str, tuple[str, int]] = endpoints
        self._world = world
        self._incarnation = incarnation

    def listen(self) -> dict[str, str]:
        """Let this host's dial-in devices in; returns the URL each should dial."""
        if self._world is not None or not self._passwords:
            return {}
        if self._server is None:
            self._loop.keep_turning()  # devices speak when they like, not only while a call is worked on
            self._server = DialInServer(authenticate=known_passwords(self._passwords))
            self._loop.run(self._server.start())
        return {
            spec.device: self._server.url(DIAL_IN[spec.device_kind], spec.device)
            for spec in self._specs
            if spec.device is not None and spec.device_kind in DIAL_IN
        }

    def open(self, now: bytes, allow_missing: bool) -> tuple[str, ...]:
        """Connect the devices and start the agents."""
        shelf = None
        if self._ledger is not None:
            shelf = Shelf(Path(self._ledger), self._rules.keys, self._meta)
        ports = {spec.device: self._port(spec) for spec in self._specs if spec.device is not None}
        self._host = Host(self._specs, self._rules, ports, _remote, shelf, incarnation=self._incarnation)
        at: datetime = decode(now)
        return self._loop.run(self._host.open(at, allow_missing))

    def _port(self, spec: AgentSpec) -> Port:
        if self._world is not None:
            return direct_port(spec, self._world, self._weather)
        return tcp_port(spec, self._endpoints, self._server, self._weather)

    def work(self, job: bytes) -> bytes:
        """One round."""
        now, inbox = decode(job)
        return encode(self._loop.run(self._opened.work(now, inbox)))

    @property
    def _opened(self) -> Host:
        if self._host is None:
            raise RuntimeError("the host is not open")
        return self._host

    def snapshot(self, agent: str) -> bytes:
        """An agent's state."""
        return self._opened.roles[agent].snapshot()

    def close(self) -> None:
        """Let go of devices, ledger and door."""
        if self._host is not None:
            self._loop.run(self._host.close())
        if self._server is not None:
            self._loop.run(self._server.close())
