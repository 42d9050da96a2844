"""The ledger's exception tree: what the caller did wrong, and what is wrong with a ledger."""

from __future__ import annotations

from cim.model.errors import BadInput, IlesError


class LedgerError(IlesError):
    """Any error of the ledger."""


class LedgerConflict(LedgerError):
    """Something is already recorded under this name with other content; the ledger never overwrites."""


class LedgerBroken(LedgerError):
    """The ledger is not what was written: one sentence naming the table, the row and what failed."""


class NotRecorded(LedgerError):
    """The disk is full: nothing of it was recorded; the same may be tried again when there is room."""


class NotALedger(BadInput, LedgerError):
    """The file is missing, is not SQLite, or holds something else."""
