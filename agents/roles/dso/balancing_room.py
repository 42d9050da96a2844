"""What the DSO leaves free for balancing energy: told to each seller with every safety analysis of a congestion point.

Its own needs and limits come first: where one is near, or flexibility is needed there, nothing is free. In the system operation
guideline (Commission Regulation (EU) 2017/1485, article 182) this is the distribution operator's limit before an activation.
"""

from __future__ import annotations

from datetime import datetime

from agents.roles.balancing_messages import PointRoom
from agents.roles.dso.config import DsoConfig
from agents.roles.dso.trading_round import PointAnalysed
from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.parts.filing import NoState


class BalancingRoom(Part[NoState]):
    """Shares the room of a congestion point among its sellers, by the size of their portfolios."""

    def __init__(self, me: AgentIdentity, config: DsoConfig) -> None:
        super().__init__(me, NoState())
        self._config = config

    @on(PointAnalysed)
    def analysed(self, event: PointAnalysed, now: datetime) -> list[Effect]:
        """Tell it."""
        point, effects = event.point, list[Effect]()
        whole_w = sum(c.contracted_w for c in self._config.at(point))
        for seller in self._config.sellers(point, event.period):
            mine_w = sum(c.contracted_w for c in self._config.of_seller(seller, point, event.period))
            share = mine_w / whole_w if whole_w else 0.0
            down = tuple(-int(-watts * share) for watts in event.room_down_w)
            up = tuple(int(watts * share) for watts in event.room_up_w)
            effects.append(Send(seller, PointRoom(point, event.period, down, up)))
        return effects
