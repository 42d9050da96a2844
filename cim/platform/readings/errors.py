"""What can go wrong with a readings table that is nobody's bad input."""

from __future__ import annotations

from cim.model.errors import IlesError


class NotStored(IlesError):
    """The store took nothing (it is full, or away): nothing half-written is visible, and it can be tried again."""
