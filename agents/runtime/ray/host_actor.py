"""The Ray actor around a host, and the Ray task that carries out jobs. Everything crosses as wire bytes."""

from __future__ import annotations

import os
import signal
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import ray

from agents.runtime.agent_spec import devices_of
from agents.runtime.batches import decode_batch, encode_batch
from agents.runtime.clocks import wall_time
from agents.runtime.device_access import DevicePorts
from agents.runtime.envelope import Batch, Outcome, Parcel, Task
from agents.runtime.host.effects import Executor
from agents.runtime.host.host import Host
from agents.runtime.host.ledger_effects import LedgerEffects
from agents.runtime.journal import Journal, NoJournal
from agents.runtime.ray.calls import HostRestarted
from agents.runtime.ray.host_setup import HostSetup
from cim.codec.codec import decode, encode

EncodedOutcome = tuple[bytes, dict[str, Batch]]  # all but its parcels, and the parcels by host
_LARGE = 1 << 16  # bytes; a parcel above is kept once for all readers of a node


@ray.remote(num_cpus=1, max_retries=3)
def run_job(wire_types: str, jobs: str, job: str, arguments: bytes) -> bytes:
    """A job in a worker of its own; pure, so that Ray may run it again. See `HostSetup` for the two paths."""
    from importlib import import_module  # Ray ships this function alone, without its module's imports

    from agents.runtime.imports import imported

    import_module(wire_types)
    return encode(imported(jobs)(job, decode(arguments)))


def _in_workers(setup: HostSetup) -> Executor:
    async def execute(job: str, arguments: tuple[Any, ...]) -> Any:
        return decode(await run_job.remote(setup.wire_types, setup.jobs, job, encode(arguments)))

    return execute


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)
class HostActor:
    """A host in a Ray actor; its setup comes by `configure`, so that a restarted actor can be given it again.

    The methods are plain calls: an asyncio actor costs Ray twice the time per call and a third more at the start.

    Args:
        wire_types: the module that declares which types may cross between processes.
    """

    def __init__(self, wire_types: str) -> None:
        from importlib import import_module  # Ray ships this class alone, without its module's imports

        from agents.runtime.loops import Loop, spare_collector

        import_module(wire_types)
        spare_collector()
        self._loop = Loop()
        self._setup: HostSetup | None = None
        self._ports: DevicePorts | None = None
        self._host: Host | None = None
        self._dies_at: tuple[str, int] | None = None

    def configure(self, setup: bytes, first_round: int) -> None:
        """Take the encoded `HostSetup`.

        What this very process had opened before (it was out of reach, or its journal was) is let go first: each device
        has one owner.

        Args:
            first_round: the round in which an agent without a past begins.
        """
        self.close()
        told: HostSetup = decode(setup)
        self._setup, self._ports = told, told.access.ports()
        self._first_round = first_round
        self._clock = wall_time if told.real_time else None

    def die_at(self, point: str, passage: int) -> None:
        """Die by SIGKILL at a passage of a named point: as a power failure would have it, nothing is said or closed."""
        self._dies_at = point, passage

    def location(self) -> tuple[str, int]:
        """The id of the node and of the process in which this host lives."""
        return ray.get_runtime_context().get_node_id(), os.getpid()

    def _passed(self, point: str) -> None:
        if self._dies_at is None or self._dies_at[0] != point:
            return
        self._dies_at = point, self._dies_at[1] - 1
        if self._dies_at[1] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def listen(self) -> dict[str, str]:
        """Let this host's dial-in devices in; returns the URL each should dial."""
        _, ports = self._configured
        if ports.dialled:
            self._loop.keep_turning()  # devices speak when they like, not only while a call is worked on
        return self._loop.run(ports.listen())

    def open(self, now: bytes, allow_missing: bool) -> tuple[str, ...]:
        """Rebuild or start the agents and connect the devices."""
        setup, ports = self._configured
        ledger_effects = None
        if setup.ledger is not None:
            ledger_effects = LedgerEffects(Path(setup.ledger), setup.rules.keys, setup.ledger_meta)
        self._host = Host(
            setup.specs,
            setup.rules,
            {device: ports.port(device) for device in devices_of(setup.specs)},
            _in_workers(setup),
            setup.host_of,
            ledger_effects=ledger_effects,
            journal=self._journal(),
            first_round=self._first_round,
            clock=self._clock,
            point=self._passed,
        )
        at: datetime = decode(now)
        return self._loop.run(self._host.open(at, allow_missing))

    @property
    def _configured(self) -> tuple[HostSetup, DevicePorts]:
        if self._setup is None or self._ports is None:  # it died between two calls that belong together
            raise HostRestarted("this host's process is a new one; expected `configure` first")
        return self._setup, self._ports

    def ready(self) -> None:
        """It is there, and open. Raises HostRestarted where its process is a new one."""
        _ = self._configured

    def fresh(self) -> tuple[str, ...]:
        """The agents that have no past in the journal, as the host was opened."""
        return self._opened.fresh

    def recall(self, past: bytes) -> None:
        """Give agents without a memory what the ledger knows of them; before the first round."""
        self._opened.recall(decode(past))

    def _journal(self) -> Journal:
        setup, _ = self._configured
        if setup.journal is None:
            return NoJournal()
        from agents.runtime.journal.redis_journal import RedisJournal

        return RedisJournal(*setup.journal, setup.host_of[setup.specs[0].name])

    def work(self, now: bytes, number: int, parcels: list[tuple[str, int, Batch]], settled: int) -> EncodedOutcome:
        """One round."""
        # The rows of a batch are envelopes but for their name, which costs as much to give as to read them.
        opened = tuple(Parcel(source, sent, tuple(decode_batch(data))) for source, sent, data in parcels)  # type: ignore[arg-type]
        at: datetime = decode(now)
        encoded = _encoded(self._loop.run(self._opened.work(at, Task(number, opened, settled))))
        self._passed("replied")
        return encoded

    def resume(self) -> list[EncodedOutcome]:
        """What may not have reached its receivers, and how this host is."""
        return [_encoded(outcome) for outcome in self._loop.run(self._opened.resume())]

    @property
    def _opened(self) -> Host:
        if self._host is None:
            raise HostRestarted("this host's process is a new one; expected `configure` and `open` first")
        return self._host

    def health(self) -> bytes:
        """How its agents are."""
        return encode(self._opened.health())

    def snapshot(self, agent: str) -> bytes:
        """An agent's state."""
        return self._opened.hosted_agents[agent].role.snapshot()

    def close(self) -> str | None:
        """Let go of devices, ledger and server; returns why its agents' last states are not in the journal."""
        host, self._host = self._host, None
        trouble = None if host is None else self._loop.run(host.close())
        if self._ports is not None:
            self._loop.run(self._ports.close())
        return trouble


def _encoded(outcome: Outcome) -> EncodedOutcome:
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


def decoded(encoded: EncodedOutcome) -> Outcome:
    """An outcome as it came from an actor; its parcels stay encoded."""
    number, taken, local, published, next_timer, seconds, handled, sizes = decode(encoded[0])
    return Outcome(number, dict(encoded[1]), taken, local, published, next_timer, seconds, handled, sizes)
