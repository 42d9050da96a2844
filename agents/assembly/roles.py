"""Which roles there are: from the word that people use to the class that plays it."""

from __future__ import annotations

from typing import Any

from agents.runtime.agent_spec import AgentSpec

ROLES = {
    "battery": "agents.roles.device_agent:DeviceAgent",
    "generator": "agents.roles.device_agent:DeviceAgent",
    "vehicle": "agents.roles.device_agent:DeviceAgent",
    "appliance": "agents.roles.device_agent:DeviceAgent",
    "building": "agents.roles.device_agent:DeviceAgent",
    "substation-meter": "agents.roles.device_agent:MeterAgent",
    "prosumer": "agents.roles.prosumer:ProsumerRole",
    "aggregator": "agents.roles.aggregator:AggregatorRole",
    "dso": "agents.roles.dso:DsoRole",
    "meter-data-company": "agents.roles.meter_data_company:MeterDataCompanyRole",
    "iles": "agents.roles.iles_manager:IlesRole",
    "tso": "agents.roles.tso:TsoRole",
    "ledger-keeper": "agents.roles.ledger_keeper:KeeperRole",
    "island-member": "agents.roles.island_member:IslandMemberRole",
    "echo": "agents.roles.echo:EchoRole",
}


def agent_spec(name: str, kind: str, key: bytes, config: Any, device: str | None = None) -> AgentSpec:
    """An agent of a kind in `ROLES`; see `AgentSpec`."""
    return AgentSpec(name, kind, ROLES[kind], key, config, device, keeps_ledger=kind == "ledger-keeper")
