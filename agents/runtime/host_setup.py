"""What a host actor is told before it opens: wire bytes cross to it, nothing pickled."""

from __future__ import annotations

from dataclasses import dataclass

from agents.runtime.agent_spec import AgentSpec
from agents.runtime.device_access import DeviceAccess
from cim.codec.codec import wire
from market.rules import MarketRules


@wire("runtime.HostSetup")
@dataclass(frozen=True, slots=True)
class HostSetup:
    """One host's agents and what they need.

    Attributes:
        specs: who lives there.
        rules: handed to every role.
        access: how it reaches its devices.
        host_of: the host of every agent of the site.
        ledger: path of the ledger's file, where it is kept there.
        ledger_meta: what the ledger says of itself.
        journal: (URL, space) of the journal's server; None: a restarted host begins anew.
        real_time: whether time goes on while the host works.
        wire_types: the module that declares which types may cross between processes.
        jobs: import path of `run(job, arguments)`.
    """

    specs: tuple[AgentSpec, ...]
    rules: MarketRules
    access: DeviceAccess
    host_of: dict[str, str]
    ledger: str | None
    ledger_meta: dict[str, str]
    journal: tuple[str, str] | None
    real_time: bool
    wire_types: str
    jobs: str
