"""What `islanding` in a site file points at: a battery, a CHP plant, a congestion point, and every load in a stage."""

from __future__ import annotations

from environment.sites.devices import BatteryUnit, ChpUnit, Device, Pv, Wind
from environment.sites.schema import Site


def islanding_faults(site: Site) -> list[str]:
    """One sentence for each name in `islanding` that fits nothing; none where a site has no such section."""
    plan = site.islanding
    if plan is None:
        return []
    points = [point.id for point in site.congestion_points]
    if plan.point not in points:
        return [f"islanding.point: value {plan.point!r}: expected one of {', '.join(points)}"]
    below = site.below(plan.point)
    units: dict[str, Device | None] = {
        f"{p.name}.load": None for p in site.prosumers if p.name in below and p.base_load is not None
    }
    units |= {p.device_name(d): d for p in site.prosumers if p.name in below for d in p.devices}
    faults = []
    if not isinstance(units.get(plan.forming.unit), BatteryUnit):
        faults.append(f"islanding.forming.unit: value {plan.forming.unit!r}: expected a battery below islanding.point")
    if plan.engine is not None and not isinstance(units.get(plan.engine.unit), ChpUnit):
        faults.append(f"islanding.engine.unit: value {plan.engine.unit!r}: expected a CHP plant below islanding.point")
    sources = (Pv, Wind, BatteryUnit, ChpUnit)
    loads = [name for name, device in units.items() if not isinstance(device, sources)]
    loose = [name for name in loads if plan.stage_of(name) is None]
    if loose:
        faults.append(f"islanding.stages: value {', '.join(loose)} in no stage: expected every load in one")
    others = [name for name, device in units.items() if isinstance(device, ChpUnit)]
    unknown = [name for name in others if plan.engine is None or name != plan.engine.unit]
    if unknown:
        faults.append(
            f"islanding.engine: value {', '.join(unknown)} left out: expected the one CHP plant that is there"
        )
    return faults
