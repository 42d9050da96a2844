"""The marketplace's assets, and where their units stand in the register."""

from __future__ import annotations

from portal.market import MarketRows
from portal.screens.markup import (
    Figure,
    figures,
    kw,
    section,
    table,
)
from portal.screens.page import Parts
from portal.screens.seen import Seen


def assets(seen: Seen) -> Parts:
    """Assets, and where their units stand in the register."""
    rows = MarketRows(seen.store)
    own, moved = rows.assets(seen.visitor.party), rows.register(seen.visitor.party)
    return (
        section(
            "Assets",
            figures(
                Figure("assets", len(own)),
                Figure("can raise consumption", sum(asset.can_increase for asset in own)),
                Figure("can lower it", sum(asset.can_decrease for asset in own)),
                Figure("highest consumption", sum(asset.max_consumption_w for asset in own) / 1000, "kW"),
                Figure("highest generation", sum(abs(asset.max_generation_w) for asset in own) / 1000, "kW"),
            ),
            table(
                "Assets on the market",
                ("asset", "kind", "owner", "point", "most consumption, kW", "most generation, kW", "can"),
                (
                    (
                        asset.name,
                        asset.kind,
                        seen.name(asset.owner),
                        seen.title(asset.congestion_point),
                        kw(asset.max_consumption_w),
                        kw(asset.max_generation_w),
                        " and ".join(
                            w for w, can in (("raise", asset.can_increase), ("lower", asset.can_decrease)) if can
                        ),
                    )
                    for asset in own
                ),
                "No asset of yours is on the market yet: they are published when the site begins.",
                seen.rows,
            ),
            name="assets",
        ),
        section(
            "Flexibility register",
            table(
                "Where units stand",
                ("unit", "product", "state", "last event", "provider", "point", "reason"),
                (
                    (
                        one.unit,
                        one.product,
                        one.state,
                        one.event,
                        seen.name(one.provider),
                        seen.title(one.congestion_point),
                        one.reason,
                    )
                    for one in moved
                ),
                "No unit of yours is in the register yet.",
                seen.rows,
            ),
            name="register",
        ),
    )
