"""How many of a district's connections have what: the published grid's own shares, or shares that somebody asks for."""

from __future__ import annotations

from dataclasses import dataclass, fields

from cim.model.errors import BadInput


@dataclass(frozen=True, slots=True)
class Mix:
    """Of a hundred connections, how many have each kind of device; None: as many as at the published grid.

    A battery goes to a connection with a PV plant, as long as there is one without a battery.
    """

    pv: float | None = None
    battery: float | None = None
    station: float | None = None
    gateway: float | None = None
    appliance: float | None = None

    def __post_init__(self) -> None:
        for kind in KINDS:
            share = getattr(self, kind)
            if share is not None and not 0 <= share <= 100:
                raise BadInput(f"mix: {kind} of {share:g} %; expected 0 to 100")

    def share(self, kind: str, published: int, loads: int) -> float:
        """The share (0..1) of connections with a device of a kind, of which the published grid has so many for its loads."""
        asked: float | None = getattr(self, kind)
        return min(1.0, published / loads) if asked is None else asked / 100


KINDS = tuple(field.name for field in fields(Mix))
PUBLISHED = Mix()
