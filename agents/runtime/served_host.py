"""A host whose runtime lives in another process: it is asked and answers in wire bytes, whatever carries them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from agents.runtime.agent_spec import devices_of
from agents.runtime.batches import decode_batch, encode_batch
from agents.runtime.clocks import wall_time
from agents.runtime.device_access import DevicePorts
from agents.runtime.envelope import Batch, Outcome, Parcel, Task
from agents.runtime.host.effects import Executor
from agents.runtime.host.host import Host
from agents.runtime.host.ledger_effects import LedgerEffects
from agents.runtime.host_setup import HostSetup
from agents.runtime.journal import Journal, NoJournal
from agents.runtime.loops import Loop
from cim.codec.codec import decode, encode
from cim.model.errors import IlesError

_LARGE = 1 << 16  # bytes; a parcel above is an array: Ray keeps it once for all readers of a node
EncodedOutcome = tuple[bytes, dict[str, Batch]]  # all but its parcels, and the parcels by host


class HostRestarted(IlesError):
    """The host's process has died while nobody called it; there is a new one, which knows nothing yet."""


class ServedHost:
    """A host that is told its setup and asked for its rounds, by plain calls; `executor` carries out its jobs."""

    def __init__(self, executor: Callable[[HostSetup], Executor], point: Callable[[str], None]) -> None:
        self._executor, self._point = executor, point
        self._loop = Loop()
        self._setup: HostSetup | None = None
        self._ports: DevicePorts | None = None
        self._host: Host | None = None

    def configure(self, setup: bytes, first_round: int) -> None:
        """Take the encoded `HostSetup`, and the round in which an agent without a past begins.

        What this very process had opened before (it was out of reach, or its journal was) is let go: a device has one owner.
        """
        self.close()
        told: HostSetup = decode(setup)
        self._setup, self._ports = told, told.access.ports()
        self._first_round = first_round
        self._clock = wall_time if told.real_time else None

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
            setup.specs, setup.rules, {device: ports.port(device) for device in devices_of(setup.specs)},
            self._executor(setup), setup.host_of, ledger_effects=ledger_effects, journal=self._journal(),
            first_round=self._first_round, clock=self._clock, point=self._point,
        )  # fmt: skip
        return self._loop.run(self._host.open(decode(now), allow_missing))

    @property
    def _configured(self) -> tuple[HostSetup, DevicePorts]:
        if self._setup is None or self._ports is None:  # it died between two calls that belong together
            raise HostRestarted("this host's process is a new one; expected `configure` first")
        return self._setup, self._ports

    def _journal(self) -> Journal:
        setup, _ = self._configured
        if setup.journal is None:
            return NoJournal()
        from agents.runtime.journal.redis_journal import RedisJournal

        return RedisJournal(*setup.journal, setup.host_of[setup.specs[0].name])

    def ready(self) -> None:
        """It is there, and open. Raises HostRestarted where its process is a new one."""
        _ = self._configured

    def fresh(self) -> tuple[str, ...]:
        """The agents that have no past in the journal, as the host was opened."""
        return self._opened.fresh

    def recall(self, past: bytes) -> None:
        """Give agents without a memory what the ledger knows of them; before the first round."""
        self._opened.recall(decode(past))

    def work(self, now: bytes, number: int, parcels: list[tuple[str, int, Batch]], settled: int) -> EncodedOutcome:
        """One round."""
        # The rows of a batch are envelopes but for their name, which costs as much to give as to read them.
        opened = tuple(Parcel(source, sent, tuple(decode_batch(data))) for source, sent, data in parcels)  # type: ignore[arg-type]
        encoded = _encoded(self._loop.run(self._opened.work(decode(now), Task(number, opened, settled))))
        self._point("replied")
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
    """An outcome as it came from another process; its parcels stay encoded."""
    number, taken, local, published, next_timer, seconds, handled, sizes = decode(encoded[0])
    return Outcome(number, dict(encoded[1]), taken, local, published, next_timer, seconds, handled, sizes)
