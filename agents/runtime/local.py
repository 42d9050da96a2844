"""The local runtime: every agent in this process, one host, one event loop; for experiments and tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.planning.jobs import run
from agents.runtime.company import Company, Wire
from agents.runtime.envelope import Envelope, Outcome
from agents.runtime.host import Host
from agents.runtime.shelf import Shelf
from agents.runtime.wires import DIAL_IN, direct_port, tcp_port
from devices.dialin import DialInServer, known_passwords

HOST = "local"


class LocalStage:
    """One host for all agents."""

    def __init__(self, company: Company, wire: Wire, ledger: Path, allow_missing: bool = False) -> None:
        self._company, self._wire = company, wire
        self._ledger = ledger
        self._allow_missing = allow_missing
        self._server: DialInServer | None = None
        self._host: Host | None = None
        self.missing: tuple[str, ...] = ()
        self.host_of: Mapping[str, str] = dict.fromkeys((spec.name for spec in company.agents), HOST)

    async def open(self, now: datetime) -> None:
        """Build the host, let the dial-in devices in, connect the others."""
        company, wire = self._company, self._wire
        holders = [spec for spec in company.agents if spec.device is not None]
        if wire.direct is not None:
            direct = wire.direct
            ports = {spec.device: direct_port(spec, direct, company.weather) for spec in holders if spec.device}
        else:
            self._server = DialInServer(authenticate=known_passwords(wire.passwords))
            await self._server.start()
            server = self._server
            ports = {
                spec.device: tcp_port(spec, wire.endpoints, server, company.weather) for spec in holders if spec.device
            }
            await wire.dial(
                {
                    spec.device: server.url(DIAL_IN[spec.device_kind], spec.device)
                    for spec in holders
                    if spec.device and spec.device_kind in DIAL_IN
                }
            )
        shelf = Shelf(self._ledger, company.rules.keys, company.ledger_meta)
        self._host = Host(company.agents, company.rules, ports, _inline, shelf)
        self.missing = await self._host.open(now, self._allow_missing)

    async def work(self, now: datetime, inboxes: Mapping[str, tuple[Envelope, ...]]) -> dict[str, Outcome]:
        """The one host's round."""
        return {HOST: await self.host.work(now, inboxes[HOST])}

    @property
    def host(self) -> Host:
        """The one host, once open."""
        if self._host is None:
            raise RuntimeError("the stage is not open")
        return self._host

    async def snapshot(self, agent: str) -> bytes:
        """An agent's state, for the operator and the report."""
        return self.host.roles[agent].snapshot()

    async def close(self) -> None:
        """Let go of everything."""
        if self._host is not None:
            await self._host.close()
        if self._server is not None:
            await self._server.close()


async def _inline(job: str, arguments: tuple[Any, ...]) -> Any:
    return run(job, arguments)
