"""A site's whole profile year while nothing is controlled and batteries rest, as profiles have it: no run, a power flow."""

from __future__ import annotations

import numpy as np

from cim.model.arrays import Floats
from environment.feeder import Feeder
from environment.physics.world_build import uncontrolled_w
from environment.profiles.library import Profiles
from environment.profiles.mix import mean_profile, mean_reactive
from environment.sites.devices import BatteryUnit, Gateway
from environment.sites.network import build_limits, build_network
from environment.sites.schema import Site
from experiments.run.grid import needed_va, over_limit_va, points_p_w

_ROWS = 2976  # instants in one power flow, a month of quarter-hours


def year_over_limit_va(site: Site, profiles: Profiles) -> tuple[Floats, Floats]:
    """Over the quarter-hours of the year: how far each congestion point is above its limit, VA, shape (T, points), and
    [T] VA that have to be moved so that none is (`needed_va`).
    """
    network = build_network(site)
    feeder, limit_pct = Feeder(network), build_limits(site).max_loading_pct
    p = np.zeros((profiles.count, len(feeder.node_names)))
    q = np.zeros_like(p)
    for prosumer in site.prosumers:
        column = feeder.node_index[prosumer.node]
        if prosumer.base_load is not None:
            load, reactive = prosumer.base_load, mean_reactive(profiles, prosumer.base_load.strands)
            p[:, column] += mean_profile(profiles, load.strands) * load.peak_w.value
            if reactive is not None:
                q[:, column] += reactive * load.peak_var.value
        for device in prosumer.devices:
            if isinstance(device, BatteryUnit):
                continue  # it rests
            power = uncontrolled_w(site, device, profiles)
            p[:, column] += power
            if isinstance(device, Gateway):
                q[:, column] += site.buildings.tan_phi.value * power
    parts = []
    for first in range(0, profiles.count, _ROWS):
        flow = feeder.flow(p[first : first + _ROWS], q[first : first + _ROWS])
        over = over_limit_va(site, network, flow, limit_pct)
        parts.append((over, needed_va(site, over, points_p_w(site, flow))))
    return np.concatenate([over for over, _ in parts]), np.concatenate([needed for _, needed in parts])
