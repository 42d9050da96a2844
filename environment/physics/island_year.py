"""What a site's island would have to carry, and what sun and wind could give it, over the whole year of its profiles.

Nothing is controlled in these series: heat pumps run by their habits, vehicles charge when they come. Home batteries are
left out of the island: they rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput
from environment.physics.world_build import uncontrolled_w
from environment.profiles.library import Profiles
from environment.profiles.mix import mean_profile
from environment.sites.devices import BatteryUnit, ChpUnit, Pv, Wind
from environment.sites.islanding import Islanding
from environment.sites.schema import Site


@dataclass(frozen=True, eq=False, slots=True)
class IslandYear:
    """By quarter-hour from `first` (UTC) on.

    Attributes:
        load_w: [stages, quarter-hours], by priority: row 0 is priority 1.
        sun_w: [quarter-hours] what PV and wind could give, >= 0.
        chp_w: [quarter-hours] what the CHP plant gives by its plan while mains are there, >= 0.
        inverter_rated_w: of all PV and wind together.
    """

    first: datetime
    load_w: Floats
    sun_w: Floats
    chp_w: Floats
    inverter_rated_w: float

    @property
    def count(self) -> int:
        """How many quarter-hours."""
        return int(self.sun_w.size)


def islanding_of(site: Site) -> Islanding:
    """The site's `islanding`.

    Raises:
        BadInput: it has none.
    """
    if site.islanding is None:
        raise BadInput(f"site: {site.name!r} has no section `islanding`; expected one that says what forms an island")
    return site.islanding


def island_year(site: Site, profiles: Profiles) -> IslandYear:
    """The year of a site's profiles, seen by its island. Raises `BadInput` where the site has no `islanding`."""
    plan = islanding_of(site)
    loads = np.zeros((len(plan.stages), profiles.count))
    sun, chp, rated_w = np.zeros(profiles.count), np.zeros(profiles.count), 0.0
    below = site.below(plan.point)
    for prosumer in site.prosumers:
        if prosumer.name not in below:
            continue
        if prosumer.base_load is not None:
            stage = plan.stage_of(f"{prosumer.name}.load")
            assert stage is not None  # noqa: S101 - the site's check holds it
            loads[stage - 1] += mean_profile(profiles, prosumer.base_load.strands) * prosumer.base_load.peak_w.value
        for device in prosumer.devices:
            if isinstance(device, BatteryUnit):
                continue
            power_w = uncontrolled_w(site, device, profiles)
            if isinstance(device, ChpUnit):
                chp -= power_w
            elif isinstance(device, Pv | Wind):
                sun -= power_w
                rated_w += device.rated_w.value
            else:
                stage = plan.stage_of(prosumer.device_name(device))
                assert stage is not None  # noqa: S101 - the site's check holds it
                loads[stage - 1] += power_w
    return IslandYear(profiles.first, loads, sun, chp, rated_w)
