"""What all batteries, and all heated buildings, of a site have in common."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from environment.sites.ratings import NotNegative, Part, Positive, Share


class BatteryDefaults(Part):
    """What all batteries of the site have in common.

    Attributes:
        refilled: what an order takes out of one is put back on the `same-day`, or by its `owner`, when its sun does.
    """

    one_way_efficiency: Share
    initial_soc: Share
    refilled: Literal["same-day", "owner"] = "same-day"


class BuildingDefaults(Part):
    """What all heated buildings of the site have in common; see `environment.physics.heat_pump`.

    A heat pump of rated power P holds `design_span_k` against the outside: loss = COP P / span,
    capacity = loss * time constant.
    """

    cop: Positive
    set_c: Positive
    level_min_c: Positive
    level_max_c: Positive
    time_constant_h: Positive
    design_span_k: Positive
    tan_phi: NotNegative

    @model_validator(mode="after")
    def _ordered(self) -> BuildingDefaults:
        if not self.level_min_c.value < self.set_c.value < self.level_max_c.value:
            raise ValueError("expected level_min_c < set_c < level_max_c")
        return self
