"""What meters would have recorded on earlier days with nothing controlled: straight from the profiles."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from environment.physics.unit import SECONDS_PER_HOUR
from environment.physics.world_build import uncontrolled_w
from environment.profiles.library import QUARTER, QUARTER_S, Profiles
from environment.profiles.mix import mean_profile
from environment.sites.devices import BatteryUnit, Gateway
from environment.sites.schema import Prosumer, Site

_KEPT = 64


class History:
    """Uncontrolled operation over the whole year of a site's profiles, made when asked for; the last few are kept."""

    def __init__(self, site: Site, profiles: Profiles) -> None:
        self._site, self._profiles = site, profiles
        self._years: dict[str, Floats] = {}

    def days(self, name: str, days: int, before: LocalDay) -> Floats:
        """Mean watts of each local wall-clock quarter-hour, shape (days, 96), oldest day first.

        Rows are wall-clock days, because habits follow the clock: when the clocks change, the hour that is missing in
        spring repeats the quarter-hour before it, and the hour that comes twice in autumn is averaged.

        Args:
            name: a prosumer, its meter (`farm-1.meter`), its base load (`farm-1.load`), a device (`farm-1.pv`) or its
                reactive power in vars (`farm-1.reactive`).
            days: how many days.
            before: the day after the last one.

        Raises:
            BadInput: the name is unknown or the profiles do not reach back that far.
        """
        year = self._year(name)
        rows = [self._row(year, before.next(-back)) for back in range(days, 0, -1)]
        return np.array(rows, dtype=np.float64).reshape(days, 96)

    def _row(self, year: Floats, day: LocalDay) -> Floats:
        zone = ZoneInfo(day.timezone)
        first, last = self._profiles.index(day.start), self._profiles.index(day.end)
        if last - first == 96:  # no clock changes: each quarter-hour is its own
            return year[first:last]
        total, count = np.zeros(96), np.zeros(96)
        for offset, value in enumerate(year[first:last]):
            local = (day.start + offset * QUARTER).astimezone(zone)
            slot = local.hour * 4 + local.minute // 15
            total[slot] += value
            count[slot] += 1
        for slot in np.flatnonzero(count == 0).tolist():
            total[slot], count[slot] = total[slot - 1] / count[slot - 1], 1.0
        return total / count

    def _year(self, name: str) -> Floats:
        if name not in self._years:
            while len(self._years) >= _KEPT:  # a year is 0.3 MB, and a district has thousands
                del self._years[next(iter(self._years))]
            self._years[name] = self._make(name)
        return self._years[name]

    def _make(self, name: str) -> Floats:
        owner, _, part = name.partition(".")
        try:
            prosumer = self._site.prosumer(owner)
        except KeyError:
            raise BadInput(f"history: {name!r} is unknown; expected a prosumer or a device of the site") from None
        if part == "reactive":
            return self._reactive(prosumer)
        if part == "load":
            return self._load(prosumer)
        for device in prosumer.devices:
            if device.name == part and not isinstance(device, BatteryUnit):
                return uncontrolled_w(self._site, device, self._profiles)
        parts = self._with_batteries(prosumer)
        if part in ("", "meter"):
            total: Floats = np.sum([self._load(prosumer), *parts.values()], axis=0, dtype=np.float64)
            return total
        if part in parts:
            return parts[part]
        names = ", ".join(["load", "meter", *(device.name for device in prosumer.devices)])
        raise BadInput(f"history: {name!r} is unknown; expected {owner}. with one of {names}")

    def _with_batteries(self, prosumer: Prosumer) -> dict[str, Floats]:
        """Every device by its name; batteries serve their connection's own consumption, in order."""
        parts = {
            device.name: uncontrolled_w(self._site, device, self._profiles)
            for device in prosumer.devices
            if not isinstance(device, BatteryUnit)
        }
        rest_w: Floats = np.sum([self._load(prosumer), *parts.values()], axis=0, dtype=np.float64)
        for device in prosumer.devices:
            if isinstance(device, BatteryUnit):
                parts[device.name] = self._self_consumption_w(device, rest_w)
                rest_w = rest_w + parts[device.name]
        return parts

    def _self_consumption_w(self, device: BatteryUnit, rest_w: Floats) -> Floats:
        """What a battery does over the year by its own rule, for what the others leave; see `physics.battery`."""
        rated_w, capacity_wh = device.rated_w.value, device.capacity_wh.value
        efficiency, hours = self._site.batteries.one_way_efficiency.value, QUARTER_S / SECONDS_PER_HOUR
        stored_wh = self._site.batteries.initial_soc.value * capacity_wh
        power_w = np.clip(-rest_w, -rated_w, rated_w).tolist()
        for k, wanted_w in enumerate(power_w):
            if wanted_w > 0:
                power_w[k] = min(wanted_w, (capacity_wh - stored_wh) / (efficiency * hours))
                stored_wh += power_w[k] * efficiency * hours
            else:
                power_w[k] = max(wanted_w, -stored_wh * efficiency / hours)
                stored_wh += power_w[k] / efficiency * hours
        return np.array(power_w, dtype=np.float64)

    def _reactive(self, prosumer: Prosumer) -> Floats:
        """Vars of the base load and of heat pumps; inverters and stations take none."""
        load, total = prosumer.base_load, np.zeros(self._profiles.count, dtype=np.float64)
        if load is not None and f"{load.column}.q" in self._profiles.columns:
            total = total + self._profiles.column(f"{load.column}.q") * load.peak_var.value
        for device in prosumer.devices:
            if isinstance(device, Gateway):
                tan_phi = self._site.buildings.tan_phi.value
                total = total + tan_phi * uncontrolled_w(self._site, device, self._profiles)
        return total

    def _load(self, prosumer: Prosumer) -> Floats:
        load = prosumer.base_load
        if load is None:
            return np.zeros(self._profiles.count, dtype=np.float64)
        return mean_profile(self._profiles, load.strands) * load.peak_w.value
