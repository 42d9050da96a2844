"""Co-signing the ledger's heads: every market party refuses a head that does not extend the one it signed before."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from agents.roles.desk_role import DeskRole
from agents.roles.effects import Effect, Publish, Send
from agents.roles.messages import HeadAnnounced, HeadCosigned
from agents.roles.part import on
from cim.platform.publications import HeadRefused

S = TypeVar("S", bound=Any)


class WitnessingDesk(DeskRole[S]):
    """The state holds `head`: the last head signed, or None."""

    ledger: str

    @on(HeadAnnounced)
    def announced(self, message: HeadAnnounced, sender: str, now: datetime) -> list[Effect]:
        """Sign a head that continues the chain."""
        head, known = message.head, self.state.head
        if sender == self.ledger and head == known:
            # The keeper may have lost the signature; signing again gives the same one.
            again = Send(self.ledger, HeadCosigned(head.number, self.signer.sign(head.message)))
            return [again, self.lapse("HeadAnnounced", str(head.number), sender, "the head was signed before", now)]
        follows = known is None or (head.number == known.number + 1 and head.previous == known.digest)
        if sender != self.ledger or not follows:
            return [Publish(HeadRefused(now, head.number, sender, self.name, "head does not follow"))]
        self.state.head = head
        return [Send(self.ledger, HeadCosigned(head.number, self.signer.sign(head.message)))]
