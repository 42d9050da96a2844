"""Which modules define the wire types of each family: the closed list of what may cross between hosts."""

from __future__ import annotations

from cim.model.codec import declare_homes

declare_homes(
    {
        "aggregator": ("agents.roles.aggregator.state",),
        "asset": ("agents.roles.asset",),
        "cim": ("cim.model.readings",),
        "device": ("devices.port",),
        "dso": ("agents.roles.dso.state",),
        "echo": ("agents.roles.echo",),
        "effect": ("agents.roles.contract",),
        "event": ("agents.roles.contract",),
        "feeder": ("environment.feeder",),
        "home": ("agents.planning.home", "agents.planning.messages"),
        "iles": ("agents.roles.iles",),
        "keeper": ("agents.roles.keeper",),
        "ledger": ("market.ledger.records", "agents.roles.keeper"),
        "market": (
            "market.activations",
            "market.assets",
            "market.contracts",
            "market.negotiation",
            "market.negotiation_messages",
            "market.payments",
            "agents.planning.messages",
        ),
        "plan": ("agents.planning.flexibility", "agents.planning.vpp"),
        "prosumer": ("agents.roles.prosumer.state",),
        "role": ("agents.roles.base",),
        "runtime": (
            "agents.runtime.casting",
            "agents.runtime.hosting.entry",
            "agents.runtime.hosting.health",
            "agents.runtime.hosting.resident",
        ),
        "safety": ("agents.planning.safety",),
        "uftp": ("market.uftp",),
        "vpp": ("agents.planning.messages",),
    }
)
