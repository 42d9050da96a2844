"""The configs of the small worlds: their own grid and members, and the prices, limits and costs of Strem's site file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agents.assembly import market_terms
from agents.assembly.tariffs_of_site import tariff_of
from agents.planning.elements.element import ElementConfig
from agents.planning.grid_safety.assessment import PointGrid
from agents.roles.aggregator import AggregatorConfig, Member
from agents.roles.dso import DsoConfig
from agents.roles.dso.config import GridConnection
from agents.roles.prosumer import ProsumerConfig
from cim.model.arrays import Floats
from environment.feeder import Limits, Network
from environment.sites import load_site

SITE = load_site("strem")
TARIFF = tariff_of(SITE, "farm-1")
COSTS = market_terms.element_costs(SITE.flexibility_costs)


def prosumer_config(
    name: str,
    point: str,
    aggregator: str,
    elements: tuple[ElementConfig, ...],
    history_kw: tuple[Floats, ...],
    carries_w: int = 0,
) -> ProsumerConfig:
    """A prosumer that deals with `dso`, `iles` and `ledger`."""
    return ProsumerConfig(
        f"{name}.meter", f"ean.{name}", point, aggregator, "dso", "iles", "ledger", elements, history_kw,
        market_terms.prosumer_selling(SITE.market), COSTS, TARIFF, carries_w,
    )  # fmt: skip


def aggregator_config(members: tuple[Member, ...], **changes: Any) -> AggregatorConfig:
    """An aggregator that deals with `dso`, `iles` and `ledger`; any field can be changed.

    It offers by itself, unlike Strem's: most small worlds have no DSO that leads rounds over all sellers.
    """
    made = market_terms.aggregator_config(SITE, dso="dso", market="iles", ledger="ledger", members=members)
    return replace(made, **{"coordinated": False, **changes})


def dso_config(
    network: Network,
    limits: Limits,
    points: tuple[PointGrid, ...],
    connections: tuple[GridConnection, ...],
    aggregators: tuple[str, ...],
    **changes: Any,
) -> DsoConfig:
    """A DSO that deals with `iles` and `ledger` and leads no rounds over sellers; any field can be changed."""
    made = market_terms.dso_config(
        SITE, market="iles", ledger="ledger", network=network, limits=limits, points=points, connections=connections,
        aggregators=aggregators,
    )  # fmt: skip
    return replace(made, **{"coordinates": False, **changes})
