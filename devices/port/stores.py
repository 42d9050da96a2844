"""The capability to store energy."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from cim.model.fresh import Fresh


@runtime_checkable
class Stores(Protocol):
    """A device with a store of energy, such as a battery. Neither method reads the device."""

    def capacity_wh(self) -> int:
        """What the store holds when it is full, as the device said when it was opened; 0 before."""
        ...

    def stored_wh(self) -> Fresh[float] | None:
        """What it held at the last measurement; None where none gave it yet."""
        ...
