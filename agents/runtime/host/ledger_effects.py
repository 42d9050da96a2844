"""The ledger keeper's effects, carried out on the ledger's one file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from agents.roles.effects import Append, CloseBlock, Cosign, Effect
from agents.roles.events import BlockClosed, Event, Recorded
from cim.model.errors import BadInput
from market.ledger.errors import LedgerConflict
from market.ledger.records import Party
from market.ledger.store import LedgerStore


class LedgerEffects:
    """An open ledger.

    Args:
        ledger: its file; or bytes to go on from in memory.
        parties: who may sign, by domain.
        meta: what the ledger says of itself.
    """

    def __init__(self, ledger: Path | bytes, parties: dict[str, bytes], meta: dict[str, str]) -> None:
        self._store = LedgerStore(ledger)
        self._store.create((Party(name, public) for name, public in sorted(parties.items())), meta)

    def carry_out(self, effects: Sequence[tuple[str, Effect]], now: datetime) -> Iterator[tuple[str, Event]]:
        """Appends first (each with its own receipt), then closing, then co-signatures; yields the outcomes."""
        for name, effect in effects:
            if isinstance(effect, Append):
                try:
                    self._store.append(effect.records)
                    yield name, Recorded(effect.reference)
                except (LedgerConflict, BadInput) as error:
                    yield name, Recorded(effect.reference, str(error))
            elif isinstance(effect, CloseBlock):
                head = self._store.close_block(effect.number, effect.period_start, effect.period_end, now)
                yield name, BlockClosed(head, self._store.leaves_of(head))
            elif isinstance(effect, Cosign):
                self._store.cosign(effect.number, effect.party, effect.signature)

    def image(self) -> bytes:
        """All of a ledger in memory."""
        return self._store.image()

    def close(self) -> None:
        """Leave exactly one file."""
        self._store.close()
