"""Who asks: a principal with one role and what it owns, runs or was given consent to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from cim.model.errors import BadInput


class Role(StrEnum):
    """What a principal is to the data; each policy names the role that it is for."""

    PROSUMER = "prosumer"
    OCCUPANT = "occupant"
    AGGREGATOR = "aggregator"
    DSO = "dso"
    RESEARCHER = "researcher"
    ADMINISTRATOR = "administrator"


class Handover(NamedTuple):
    """From an instant on (UTC, the local midnight of a day), another aggregator markets a connection."""

    since: datetime
    aggregator: str


class Marketed(NamedTuple):
    """Who markets a connection from `since` (included) to `until` (not included), UTC; None: without an end on that side."""

    aggregator: str
    since: datetime | None
    until: datetime | None

    def overlaps(self, first: datetime, last: datetime) -> bool:
        """Whether it has an instant of those from `first` to `last`, both included."""
        return (self.since is None or self.since <= last) and (self.until is None or first < self.until)


@dataclass(frozen=True, slots=True)
class UsagePoint:
    """A connection and whom it concerns (IEC 61968-9 UsagePoint); a row of data belongs to its usage point.

    Attributes:
        usage_point: its mRID, as the readings name it.
        owner: name or domain of the prosumer.
        aggregator: name or domain of who markets it, before the first of `handovers`; empty: nobody.
        congestion_point: where it hangs in the grid; empty: not known.
        dso: name or domain of who runs that grid.
        occupants: names of those who live there without owning it.
        meter: mRID of the connection's own meter; one that is named as the usage point is always its own.
        handovers: to other aggregators, by their instants: a row is the aggregator's in whose time its interval begins.
    """

    usage_point: str
    owner: str
    aggregator: str = ""
    congestion_point: str = ""
    dso: str = ""
    kind: str = ""
    place: str = ""
    occupants: tuple[str, ...] = ()
    meter: str = ""
    handovers: tuple[Handover, ...] = ()

    def marketed(self) -> tuple[Marketed, ...]:
        """Who markets it when, in order and without a gap."""
        holders = (self.aggregator, *(one.aggregator for one in self.handovers))
        instants = (None, *(one.since for one in self.handovers), None)
        return tuple(
            Marketed(holder, since, until)
            for holder, since, until in zip(holders, instants[:-1], instants[1:], strict=True)
        )

    def aggregator_at(self, instant: datetime) -> str:
        """Who markets it at an instant; empty: nobody."""
        return next(one.aggregator for one in self.marketed() if one.overlaps(instant, instant))


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        homes: usage points of a prosumer or an occupant.
        points: congestion points of a DSO.
        project: of a researcher; pseudonyms are one project's.
        consented: by scope (`connection`, `devices`), usage points whose prosumer consented, for this purpose and now.
    """

    name: str
    role: Role
    homes: frozenset[str] = frozenset()
    points: frozenset[str] = frozenset()
    project: str = ""
    consented: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def entity(self) -> dict[str, object]:
        """As Cedar's JSON format of entities has it."""
        return {
            "uid": {"type": "Principal", "id": self.name},
            "attrs": {
                "name": self.name,
                "homes": sorted(self.homes),
                "points": sorted(self.points),
                "project": self.project,
                "consented_connection": sorted(self.consented.get("connection", ())),
                "consented_devices": sorted(self.consented.get("devices", ())),
            },
            "parents": [{"type": "Role", "id": self.role.value}],
        }

    def uid(self) -> str:
        """As Cedar writes it in a request."""
        return f"Principal::{json.dumps(self.name)}"

    def with_consents(self, consented: Mapping[str, frozenset[str]]) -> Principal:
        """The same with the consents that are in force."""
        return replace(self, consented=consented)


class PrincipalBook:
    """All who may ask, by name: those of the usage points, researchers and administrators by their own entry.

    Args:
        usage_points: whom they concern decides who is a prosumer, occupant, aggregator or DSO, and of what.
        others: principals that no usage point names: researchers, administrators.
        aliases: other names of some, for example a party's domain -> the name that the usage points have for it.

    Raises:
        BadInput: a name would have two roles.
    """

    def __init__(
        self,
        usage_points: Iterable[UsagePoint],
        others: Iterable[Principal] = (),
        aliases: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.usage_points = tuple(usage_points)
        self._aliases = dict(aliases)
        self._known: dict[str, Principal] = {}
        for point in self.usage_points:
            self._add(point.owner, Role.PROSUMER, homes=point.usage_point)
            for held in point.marketed():
                self._add(held.aggregator, Role.AGGREGATOR)
            self._add(point.dso, Role.DSO, points=point.congestion_point)
            for occupant in point.occupants:
                self._add(occupant, Role.OCCUPANT, homes=point.usage_point)
        for principal in others:
            if principal.name in self._known:
                raise BadInput(
                    f"principal: {principal.name!r} is a {self._known[principal.name].role} already; expected one role a name"
                )
            self._known[principal.name] = principal

    def hand_over(self, usage_point: str, handover: Handover) -> None:
        """A connection goes over to another aggregator: known while the book is in use; twice is once."""
        points = list(self.usage_points)
        for number, point in enumerate(points):
            if point.usage_point == usage_point and handover not in point.handovers:
                points[number] = replace(point, handovers=tuple(sorted((*point.handovers, handover))))
                self._add(handover.aggregator, Role.AGGREGATOR)
        self.usage_points = tuple(points)

    def principal(self, name: str) -> Principal:
        """Who has this name.

        Raises:
            BadInput: nobody has; who has is not said.
        """
        try:
            return self._known[self.named(name)]
        except KeyError:
            raise BadInput(
                f"principal: {name!r} is not known here; expected the name of a party of this site"
            ) from None

    def named(self, name: str) -> str:
        """The name that the usage points have for somebody; the same where there is no other."""
        return self._aliases.get(name, name)

    def names(self) -> tuple[str, ...]:
        """All of them, for administrators."""
        return tuple(sorted(self._known))

    def _add(self, name: str, role: Role, *, homes: str = "", points: str = "") -> None:
        if not name:
            return
        found = self._known.get(name) or Principal(name, role)
        if found.role is not role:
            raise BadInput(f"principal: {name!r} is both {found.role} and {role}; expected one role a name")
        self._known[name] = replace(
            found,
            homes=found.homes | ({homes} if homes else frozenset()),
            points=found.points | ({points} if points else frozenset()),
        )
