"""The Ray actor around a host, and the Ray task that carries out jobs. Everything crosses as wire bytes."""

from __future__ import annotations

import os
import signal
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import ray

from agents.assembly.agent_spec import AgentSpec
from agents.assembly.device_ports import DIAL_IN, Address, DirectWorld, direct_port, tcp_port
from agents.runtime.batches import decode_batch, encode_batch
from agents.runtime.clocks import wall_time
from agents.runtime.envelope import Batch, Outcome, Parcel, Task
from agents.runtime.host.host import Host
from agents.runtime.host.ledger_effects import LedgerEffects
from agents.runtime.journal import Journal, NoJournal
from agents.runtime.ray.calls import HostAnew
from cim.codec.codec import decode, encode
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.port.port import Port

Sealed = tuple[bytes, dict[str, Batch]]  # an outcome, and its parcels by host
_LARGE = 1 << 16  # bytes


@ray.remote(num_cpus=1, max_retries=3)
def run_job(job: str, arguments: bytes) -> bytes:
    """A job (`agents.planning.jobs`) in a worker of its own; pure, so that Ray may run it again."""
    import agents.assembly.wire_types  # noqa: F401 - Ray ships this function alone, without its module's imports
    from agents.planning.jobs import run

    return encode(run(job, decode(arguments)))


async def _remote(job: str, arguments: tuple[Any, ...]) -> Any:
    return decode(await run_job.remote(job, encode(arguments)))


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)
class HostActor:
    """A host in a Ray actor; its config come by `configure`, so that a restarted actor can be given them again.

    The methods are plain calls: an asyncio actor costs Ray twice the time per call and a third more at the start.
    """

    def __init__(self) -> None:
        import agents.assembly.wire_types  # noqa: F401 - Ray ships this class alone, without its module's imports
        from agents.runtime.loops import Loop, spare_collector

        spare_collector()
        self._loop = Loop()
        self._world: DirectWorld | None = None
        self._server: DialInServer | None = None
        self._host: Host | None = None
        self._doom: list[Any] | None = None
        self._specs: tuple[AgentSpec, ...] = ()

    def configure(self, setup: bytes, world: DirectWorld | None, birth: int) -> None:
        """Take the encoded config (see `RayRuntime`) and the simulated site (None for sockets).

        `birth` is the round in which an agent without a past begins. What this very process had opened before (it was
        out of reach, or its journal was) is let go first: each device has one owner.
        """
        self.close()
        config = decode(setup)
        specs, self._rules, self._weather, endpoints, self._passwords, self._ledger, self._meta = config[:7]
        self._neighbours, self._journal_at, self._door, real_time = config[7:]
        self._clock = wall_time if real_time else None
        self._specs = specs
        self._endpoints: dict[str, Address] = endpoints
        self._world = world
        self._birth = birth

    def doom(self, point: str, passage: int) -> None:
        """Die by SIGKILL at a passage of a named point: as a power failure would have it, nothing is said or closed."""
        self._doom = [point, passage]

    def seat(self) -> tuple[str, int]:
        """The id of the node and of the process in which this host lives."""
        return ray.get_runtime_context().get_node_id(), os.getpid()

    def _point(self, name: str) -> None:
        if self._doom is not None and self._doom[0] == name:
            self._doom[1] -= 1
            if self._doom[1] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def listen(self) -> dict[str, str]:
        """Let this host's dial-in devices in; returns the URL each should dial."""
        self._expect_papers()
        if self._world is not None or not self._passwords:
            return {}
        if self._server is None:
            self._loop.keep_turning()  # devices speak when they like, not only while a call is worked on
            authenticate = known_passwords(self._passwords)
            host, port = self._door
            self._server = DialInServer(host, port, authenticate=authenticate, clock=self._clock)
            self._loop.run(self._server.start())
        return {
            spec.device: self._server.url(DIAL_IN[spec.device_kind], spec.device)
            for spec in self._specs
            if spec.device is not None and spec.device_kind in DIAL_IN
        }

    def open(self, now: bytes, allow_missing: bool) -> tuple[str, ...]:
        """Rebuild or start the agents and connect the devices."""
        self._expect_papers()
        ledger_effects = None
        if self._ledger is not None:
            ledger_effects = LedgerEffects(Path(self._ledger), self._rules.keys, self._meta)
        ports = {spec.device: self._port(spec) for spec in self._specs if spec.device is not None}
        self._host = Host(
            self._specs,
            self._rules,
            ports,
            _remote,
            self._neighbours,
            ledger_effects=ledger_effects,
            journal=self._journal(),
            first_round=self._birth,
            clock=self._clock,
            point=self._point,
        )
        at: datetime = decode(now)
        return self._loop.run(self._host.open(at, allow_missing))

    def _expect_papers(self) -> None:
        if not self._specs:  # it died between two calls that belong together
            raise HostAnew("this host's process is a new one; expected `configure` first")

    def ready(self) -> None:
        """It is there, and open. Raises HostAnew where its process is a new one."""
        self._expect_papers()

    def fresh(self) -> tuple[str, ...]:
        """The agents that have no past in the journal, as the host was opened."""
        return self._opened.fresh

    def recall(self, past: bytes) -> None:
        """Give agents without a memory what the ledger knows of them; before the first round."""
        self._opened.recall(decode(past))

    def _journal(self) -> Journal:
        if self._journal_at is None:
            return NoJournal()
        from agents.runtime.journal.redis_journal import RedisJournal

        url, space = self._journal_at
        return RedisJournal(url, space, self._neighbours[self._specs[0].name])

    def _port(self, spec: AgentSpec) -> Port:
        if self._world is not None:
            return direct_port(spec, self._world, self._weather)
        return tcp_port(spec, self._endpoints, self._server, self._weather)

    def work(self, now: bytes, number: int, parcels: list[tuple[str, int, Batch]], settled: int) -> Sealed:
        """One round."""
        # The rows of a batch are envelopes but for their name, which costs as much to give as to read them.
        opened = tuple(Parcel(source, sent, tuple(decode_batch(data))) for source, sent, data in parcels)  # type: ignore[arg-type]
        at: datetime = decode(now)
        sealed = _sealed(self._loop.run(self._opened.work(at, Task(number, opened, settled))))
        self._point("replied")
        return sealed

    def resume(self) -> list[Sealed]:
        """What may not have reached its receivers, and how this host is."""
        return [_sealed(outcome) for outcome in self._loop.run(self._opened.resume())]

    @property
    def _opened(self) -> Host:
        if self._host is None:
            raise HostAnew("this host's process is a new one; expected `configure` and `open` first")
        return self._host

    def health(self) -> bytes:
        """How its agents are."""
        return encode(self._opened.health())

    def snapshot(self, agent: str) -> bytes:
        """An agent's state."""
        return self._opened.hosted_agents[agent].role.snapshot()

    def close(self) -> str | None:
        """Let go of devices, ledger and door; returns why its agents' last states are not in the journal."""
        host, self._host = self._host, None
        trouble = None if host is None else self._loop.run(host.close())
        server, self._server = self._server, None
        if server is not None:
            self._loop.run(server.close())
        return trouble


def _sealed(outcome: Outcome) -> Sealed:
    mail: dict[str, Batch] = {}
    for host, envelopes in outcome.mail.items():
        data = encode_batch(envelopes)  # type: ignore[arg-type]
        mail[host] = data if len(data) < _LARGE else np.frombuffer(data, np.uint8)
    sizes = {host: len(envelopes) for host, envelopes in outcome.mail.items()}
    rest = (
        outcome.number, outcome.taken, outcome.local, outcome.published, outcome.next_timer, outcome.seconds,
        outcome.handled, sizes,
    )  # fmt: skip
    return encode(rest), mail


def unsealed(sealed: Sealed) -> Outcome:
    """An outcome as it came from an actor; its parcels stay sealed."""
    number, taken, local, published, next_timer, seconds, handled, sizes = decode(sealed[0])
    return Outcome(number, dict(sealed[1]), taken, local, published, next_timer, seconds, handled, sizes)
