"""Whether a unit fits a product at its connection: the checks a system operator makes before it prequalifies one."""

from __future__ import annotations

from dataclasses import dataclass

from cim.codec.codec import wire
from market.assets.publication import AssetPublication


@wire("market.ProductRules")
@dataclass(frozen=True, slots=True)
class ProductRules:
    """What a product asks of a unit.

    Attributes:
        product: its name.
        minimum_w: the smallest swing in one direction at least, watts.
        full_activation_s: the longest time to its whole swing; a unit that tells no ramp passes.
    """

    product: str
    minimum_w: int = 1
    full_activation_s: int = 900


def prequalification_fault(
    asset: AssetPublication, rules: ProductRules, registered_at: str | None, carries_w: int
) -> str | None:
    """Why a unit is not prequalified, or None.

    Args:
        registered_at: the congestion point of its connection in the operator's own register; None where that knows no
            such connection.
        carries_w: the most that the connection can carry, a magnitude; 0 where nobody knows.
    """
    if registered_at is None:
        return f"usage_point: {asset.usage_point} is not in the operator's register"
    if asset.congestion_point != registered_at:
        return f"congestion_point: {asset.congestion_point}; its connection hangs at {registered_at}"
    element = asset.element
    swing = max(element.max_increase_w, -element.max_decrease_w)
    if swing < rules.minimum_w:
        return f"swing: {swing} W; {rules.product} asks for {rules.minimum_w} W or more"
    rated = max(asset.max_consumption_w, -asset.max_generation_w)
    if carries_w and rated > carries_w:
        return f"rating: {rated} W; its connection carries {carries_w} W"
    if asset.ramp_w_per_min and swing * 60 > asset.ramp_w_per_min * rules.full_activation_s:
        seconds = round(swing * 60 / asset.ramp_w_per_min)
        return f"ramp: its whole swing takes {seconds} s; {rules.product} asks for {rules.full_activation_s} s or less"
    return None
