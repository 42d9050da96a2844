"""The whole physical world of a site: all connections moved on together, and the truth about what flowed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from cim.model.arrays import Floats, Ints
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from environment.physics import Connection, PhysicalUnit, UnitKind
from environment.physics.connection import SubstationMeter
from environment.physics.device_truth import DeviceTruth, UnitRecord, unserved_wh, warmth_saves_wh
from environment.physics.unit import SECONDS_PER_HOUR
from environment.physics.world_build import build_connections
from environment.profiles.history import History
from environment.profiles.library import QUARTER, QUARTER_S, Profiles
from environment.sites.schema import Site


class _Part:
    """What is below a topmost congestion point: it moves together, and shares nothing with the rest."""

    def __init__(self, reached_s: float) -> None:
        self.connections: list[Connection] = []
        self.meters: list[SubstationMeter] = []
        self.reached_s = reached_s


class World:
    """A site's physics from `start` on.

    Args:
        site: what stands where.
        profiles: the year it follows.
        start: the first instant, UTC, a whole quarter-hour inside the profiles.
        seed: makes small differences between units of a kind (initial state of charge); the same seed, the same world.
        batteries_rest: without a setpoint batteries do nothing, instead of serving their connection's own consumption.
        members: the prosumers that live here, where others of the site live in other worlds: each is as it is with all of
            them. A congestion point's meter is where all below it are.

    Attributes:
        now: the instant the world has reached.
        devices: every device by its name, for example `farm-1.pv`.
        connections: every prosumer's connection by the prosumer's name.
        substations: what is metered at each congestion point, by the point's identity.
    """

    def __init__(
        self,
        site: Site,
        profiles: Profiles,
        start: datetime,
        seed: int = 0,
        *,
        batteries_rest: bool = False,
        members: frozenset[str] | None = None,
    ) -> None:
        self._first_quarter = profiles.index(start)
        self.site, self.profiles, self.start, self.now = site, profiles, start, start
        self.connections = build_connections(
            site, profiles, start.timestamp(), seed, batteries_rest=batteries_rest, members=members
        )
        self.substations = {
            point.id: SubstationMeter(tuple(self.connections[name] for name in below))
            for point in site.congestion_points
            if self.connections.keys() >= set(below := site.below(point.id))
        }
        self.devices: dict[str, PhysicalUnit] = {
            unit.name: unit
            for connection in self.connections.values()
            for unit in connection.units
            if unit.kind is not UnitKind.LOAD
        }
        quarters = profiles.count - self._first_quarter
        self._energy_wh = {name: np.zeros(quarters) for name in self.connections}
        self._reactive_varh = {name: np.zeros(quarters) for name in self.connections}
        self._units = {name: UnitRecord(connection.units, quarters) for name, connection in self.connections.items()}
        self._history = History(site, profiles)
        self._parts: dict[str, _Part] = {}
        for prosumer in site.prosumers:
            if prosumer.name in self.connections:
                self._part_of(prosumer.congestion_point).connections.append(self.connections[prosumer.name])
        for point, meter in self.substations.items():
            self._part_of(point).meters.append(meter)

    def _part_of(self, point: str) -> _Part:
        return self._parts.setdefault(self.site.points_above(point)[-1], _Part(self.start.timestamp()))

    def advance_part(self, top: str, to: datetime) -> None:
        """Move what is below a topmost congestion point ahead of the rest, to an instant before the next `advance`.

        Nothing else feels it.
        """
        part, to_s = self._parts[top], to.timestamp()
        for connection in part.connections:
            self._advance_one(connection, part.reached_s, to_s)
        for meter in part.meters:
            meter.count()
        part.reached_s = to_s

    def advance(self, to: datetime) -> None:
        """Move the world on to `to`, exactly; setpoints stay as they are. Nothing happens if it is there already.

        Raises:
            BadInput: `to` lies before `now` or beyond the profiles.
        """
        if to < self.now or to > self.profiles.last:
            raise BadInput(
                f"to: {to.isoformat()} cannot be reached; expected {self.now.isoformat()} to "
                f"{self.profiles.last.isoformat()}"
            )
        for top in self._parts:
            self.advance_part(top, to)
        self.now = to.astimezone(UTC)

    def _advance_one(self, connection: Connection, from_s: float, to_s: float) -> None:
        start_s = self.start.timestamp()
        energy, reactive = self._energy_wh[connection.name], self._reactive_varh[connection.name]
        units = self._units[connection.name]

        def record(now_s: float, seconds: float) -> None:
            quarter, hours = int((now_s - start_s) // QUARTER_S), seconds / SECONDS_PER_HOUR
            energy[quarter] += connection.power_w * hours
            reactive[quarter] += connection.reactive_var * hours
            units.add(quarter, seconds)

        connection.advance(from_s, to_s, record)

    def truth(self, start: datetime, end: datetime) -> dict[str, tuple[Ints, Ints]]:
        """What really flowed: by prosumer the mean active and reactive power of each ISP, whole watts and vars.

        Raises:
            BadInput: the span is not whole ISPs or not (yet) simulated.
        """
        span = self._span(start, end)
        return {
            name: (
                np.rint(self._per_isp(self._energy_wh[name][span])).astype(np.int64),
                np.rint(self._per_isp(self._reactive_varh[name][span])).astype(np.int64),
            )
            for name in self.connections
        }

    def truth_by_kind(self, start: datetime, end: datetime) -> dict[str, Floats]:
        """What really flowed by kind of unit that the site has (a `UnitKind`): mean watts of each ISP."""
        span = self._span(start, end)
        total: dict[UnitKind, Floats] = {}
        for name, connection in self.connections.items():
            for unit in connection.units:
                energy = self._units[name].energy_wh[unit.name][span]
                total[unit.kind] = total[unit.kind] + energy if unit.kind in total else energy
        return {kind.value: self._per_isp(total[kind]) for kind in UnitKind if kind in total}

    def device_truth(self, start: datetime, end: datetime) -> DeviceTruth:
        """What every unit did, and what vehicles and rooms went without.

        Raises:
            BadInput: the span is not whole ISPs or not (yet) simulated.
        """
        span, records = self._span(start, end), self._units.values()
        step = timedelta(minutes=self.site.isp_minutes) // QUARTER
        units = [unit for connection in self.connections.values() for unit in connection.units]
        return DeviceTruth(
            {unit.name: unit.kind.value for unit in units},
            {name: self._per_isp(row[span]) for record in records for name, row in record.energy_wh.items()},
            {name: self._per_isp(row[span]) for record in records for name, row in record.available_wh.items()},
            unserved_wh(self.devices.values(), start.timestamp(), end.timestamp()),
            float(sum(record.discomfort_kh[span].sum() for record in records)),
            {
                name: saved
                for connection in self.connections.values()
                for name, saved in warmth_saves_wh(
                    connection.units, self._units[connection.name], span.stop, end.timestamp()
                ).items()
            },
            {name: row[span][::step] for record in records for name, row in record.stored_wh.items()},
        )

    def history(self, name: str, days: int, before: LocalDay) -> Floats:
        """What a meter would have recorded on the `days` local days before `before`, nothing being controlled.

        See `environment.profiles.history.History.days`.
        """
        return self._history.days(name, days, before)

    def _span(self, start: datetime, end: datetime) -> slice:
        if start < self.start or end > self.now or end < start:
            raise BadInput(
                f"truth: {start.isoformat()} to {end.isoformat()} is not known; expected a span within "
                f"{self.start.isoformat()} to {self.now.isoformat()}"
            )
        first, last = (self.profiles.index(instant) - self._first_quarter for instant in (start, end))
        if timedelta(0) != (end - start) % timedelta(minutes=self.site.isp_minutes):
            raise BadInput(f"truth: {start.isoformat()} to {end.isoformat()} does not hold whole ISPs")
        return slice(first, last)

    def _per_isp(self, energy_wh: Floats) -> Floats:
        quarters = timedelta(minutes=self.site.isp_minutes) // QUARTER
        power_w: Floats = energy_wh.reshape(-1, quarters).mean(axis=1) * 4
        return power_w
