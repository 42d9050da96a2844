"""Which modules define the wire types of each family: the closed list of what may cross between hosts."""

from __future__ import annotations

from cim.codec.codec import declare_homes

declare_homes(
    {
        "aggregator": (
            "agents.roles.aggregator.config",
            "agents.roles.aggregator.correction",
            "agents.roles.aggregator.flex_trading",
            "agents.roles.aggregator.interval_metering",
            "agents.roles.aggregator.member_orders",
            "agents.roles.aggregator.order_records",
            "agents.roles.aggregator.portfolio_registration",
            "agents.roles.aggregator.prognosis_sums",
            "agents.roles.aggregator.promises",
            "agents.roles.aggregator.vpp_session",
            "agents.roles.aggregator.vpp_sessions",
        ),
        "asset": ("agents.roles.device_agent",),
        "cim": ("cim.codec.model_types",),
        "device": ("cim.codec.model_types", "devices.weather"),
        "dso": (
            "agents.roles.dso.config",
            "agents.roles.dso.meter_history",
            "agents.roles.dso.ordering",
            "agents.roles.dso.prognoses",
            "agents.roles.dso.requests",
            "agents.roles.dso.trading_rounds",
        ),
        "echo": ("agents.roles.echo",),
        "effect": ("agents.roles.effects",),
        "event": ("agents.roles.events",),
        "feeder": ("environment.feeder",),
        "home": ("agents.planning.elements.element", "agents.roles.messages"),
        "iles": ("agents.roles.iles_manager",),
        "keeper": ("agents.roles.ledger_keeper",),
        "ledger": ("market.ledger.records", "agents.roles.messages"),
        "market": (
            "market.contracts.activations",
            "market.assets.publication",
            "market.contracts.contract",
            "market.contracts.limits",
            "market.negotiation.concession",
            "market.negotiation.conversation",
            "market.negotiation.messages",
            "market.settlement.payments",
            "agents.roles.messages",
        ),
        "part": (
            "agents.roles.parts.contracts",
            "agents.roles.parts.cosigning",
            "agents.roles.parts.filing",
            "agents.roles.parts.keys",
            "agents.roles.parts.meter_data",
            "agents.roles.parts.negotiation",
            "agents.roles.parts.operated_days",
            "agents.roles.parts.settlement_as_buyer",
            "agents.roles.parts.settlement_as_seller",
        ),
        "plan": (
            "agents.planning.dispatch.admm",
            "agents.planning.dispatch.flexibility",
            "agents.planning.dispatch.session",
        ),
        "published": ("cim.platform.publications",),
        "prosumer": ("agents.roles.prosumer.state",),
        "role": ("agents.roles.messages", "market.rules"),
        "runtime": (
            "agents.runtime.agent_spec",
            "agents.runtime.device_access",
            "agents.runtime.host.log_entry",
            "agents.runtime.host.health",
            "agents.runtime.host.hosted_agent",
            "agents.runtime.ray.host_setup",
        ),
        "safety": ("agents.planning.grid_safety.assessment",),
        "uftp": ("market.uftp",),
        "vpp": ("agents.roles.messages",),
    }
)
