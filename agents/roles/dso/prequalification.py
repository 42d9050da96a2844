"""The DSO as system operator of the flexibility register: it prequalifies units at its congestion points, or refuses."""

from __future__ import annotations

from datetime import datetime

from agents.roles.dso.config import DsoConfig
from agents.roles.effects import Effect, Publish, Send
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.parts.filing import NoState
from agents.roles.parts.register_keeping import moves_of
from agents.roles.register_messages import RegisterEntry
from cim.model.errors import BadInput
from cim.platform.publications.incidents import RuleBroken
from market.assets.publication import AssetPublication
from market.register.lifecycle import UnitEvent
from market.register.prequalification import prequalification_fault
from market.register.units import RECORD_KIND, UnitMove


class Prequalification(Part[NoState]):
    """Answers each application from its own register of connections, and limits at once what it has planned to limit."""

    def __init__(self, me: AgentIdentity, config: DsoConfig) -> None:
        super().__init__(me, NoState())
        self._market, self._product, self._planned = config.market, config.product, config.restrictions
        self._connections = {c.usage_point: c for c in config.connections}

    @on(RegisterEntry)
    def applied(self, message: RegisterEntry, sender: str, now: datetime) -> list[Effect]:
        """Prequalify, or refuse with the reason, each unit that an entry applies with."""
        if sender != self._market:
            return [Publish(RuleBroken(now, sender, self.me.name, "it does not keep the register"))]
        try:
            applications = [m for m in moves_of(message.record) if m.event is UnitEvent.APPLICATION]
        except BadInput as error:
            return [Publish(RuleBroken(now, sender, self.me.name, str(error)))]
        answers = [self._answer(move, move.asset, now) for move in applications if move.asset is not None]
        moves = tuple(move for answer in answers for move in (answer, *self._restricted(answer, now)))
        if not moves:
            return []
        record = self.me.record(RECORD_KIND, f"{message.record.key}/prequalification/{now.isoformat()}", moves, now)
        return [Send(sender, RegisterEntry(record))]

    def _restricted(self, answer: UnitMove, now: datetime) -> list[UnitMove]:
        """The limit that is planned for a unit that is prequalified, while it is not over."""
        planned = [r for r in self._planned if r.unit == answer.key.unit and now < r.limit.until]
        if answer.event is not UnitEvent.PREQUALIFICATION:
            return []
        return [UnitMove(answer.key, UnitEvent.LIMIT, now, limit=r.limit, reason=r.reason) for r in planned]

    def _answer(self, application: UnitMove, asset: AssetPublication, now: datetime) -> UnitMove:
        connection, key = self._connections.get(asset.usage_point), application.key
        if key.product != self._product.product:
            fault: str | None = f"product: {key.product}; this operator has {self._product.product}"
        else:
            point, carries_w = (None, 0) if connection is None else (connection.congestion_point, connection.carries_w)
            fault = prequalification_fault(asset, self._product, point, carries_w)
        if fault is not None:
            return UnitMove(key, UnitEvent.REFUSAL, now, reason=fault)
        return UnitMove(key, UnitEvent.PREQUALIFICATION, now, congestion_point=asset.congestion_point)
