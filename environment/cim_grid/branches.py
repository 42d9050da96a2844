"""Lines and two-winding transformers of a CIM model as branches of a feeder."""

from __future__ import annotations

import math
from collections.abc import Callable

from cim.codec.rdf.reading import CimModel
from cim.model.errors import BadInput
from cim.model.topology import Terminal
from cim.model.wires import (
    ACLineSegment,
    CurrentLimit,
    OperationalLimitSet,
    OperationalLimitType,
    PowerTransformer,
    PowerTransformerEnd,
    RatioTapChanger,
)
from environment.cim_grid.buses import Buses
from environment.feeder import Line, Transformer

FREQUENCY_HZ = 50.0
ASSUMED_A = 300.0  # of a line whose limit no file says


def lines_of(model: CimModel, buses: Buses) -> tuple[list[Line], set[str]]:
    """The lines between buses, ends by bus identifier, and the names of those whose rating is assumed (`ASSUMED_A`).

    Raises:
        BadInput: impedances that no line has.
    """
    rated = _ratings(model)
    found, assumed = [], set()
    for segment in model.all(ACLineSegment):
        ends = [bus for bus in buses.ends(segment) if bus is not None]
        if len(ends) != 2 or ends[0] == ends[1]:
            continue  # open at an end: it carries nothing that a feeder's power flow would notice
        name = segment.name or segment.m_rid
        r, x, b = segment.r.value, segment.x.value, segment.bch.value
        if r < 0 or x < 0 or r + x == 0 or b < 0:
            raise BadInput(
                f"CIM ACLineSegment {name[:60]}: r {r:g}, x {x:g}, bch {b:g}: expected r + x > 0 and none < 0"
            )
        if segment.gch.value != 0:
            raise BadInput(
                f"CIM ACLineSegment {name[:60]}: gch {segment.gch.value:g}: expected 0, lines here leak nothing"
            )
        if segment.m_rid not in rated:
            assumed.add(name)
        c_nf = b / (2 * math.pi * FREQUENCY_HZ) * 1e9
        found.append(Line(name, ends[0], ends[1], r, x, c_nf, rated.get(segment.m_rid, ASSUMED_A)))
    return found, assumed


def _ratings(model: CimModel) -> dict[str, float]:
    """The permanent current limit of each equipment that has one, amperes: the lowest of those allowed longest."""
    found: dict[str, list[tuple[float, float]]] = {}
    for limit in model.all(CurrentLimit):
        amperes = limit.value or limit.normal_value
        limits = model.get(OperationalLimitSet, limit.operational_limit_set)
        if amperes is None or amperes.value <= 0 or limits is None:
            continue
        terminal = model.get(Terminal, limits.terminal)
        equipment = limits.equipment or (terminal.conducting_equipment if terminal else None)
        kind = model.get(OperationalLimitType, limit.operational_limit_type)
        duration = kind.acceptable_duration.value if kind and kind.acceptable_duration else math.inf
        if equipment:
            found.setdefault(equipment, []).append((-duration, amperes.value))
    return {equipment: min(rows)[1] for equipment, rows in found.items()}


def transformers_of(model: CimModel, buses: Buses) -> list[Transformer]:
    """The transformers between buses, ends by bus identifier.

    Raises:
        BadInput: three windings, or an impedance, rating or tap that no transformer of two windings has.
    """
    ends: dict[str, list[PowerTransformerEnd]] = {}
    for end in model.all(PowerTransformerEnd):
        ends.setdefault(end.power_transformer, []).append(end)
    taps = {tap.transformer_end: tap for tap in model.all(RatioTapChanger)}
    found = []
    for transformer in model.all(PowerTransformer):
        windings = sorted(ends.get(transformer.m_rid, []), key=lambda end: (-end.rated_u.value, end.end_number))
        name = transformer.name or transformer.m_rid
        if len(windings) != 2:
            raise BadInput(f"CIM PowerTransformer {name[:60]}: has {len(windings)} windings; expected two")
        high, low = (buses.at(model.get(Terminal, end.terminal)) for end in windings)
        if high is not None and low is not None:
            found.append(_transformer(name, high, low, (windings[0], windings[1]), taps))
    return found


def _transformer(
    name: str,
    high: str,
    low: str,
    ends: tuple[PowerTransformerEnd, PowerTransformerEnd],
    taps: dict[str, RatioTapChanger],
) -> Transformer:
    """All of the impedance at the high-voltage end, relative to its rating (IEC 60076: uk, Pk, i0, P0)."""
    u_v, lv_v, s_va = ends[0].rated_u.value, ends[1].rated_u.value, ends[0].rated_s.value
    if not (u_v > 0 and lv_v > 0 and s_va > 0):
        raise BadInput(f"CIM PowerTransformer {name[:60]}: ratedU and ratedS of each end: expected all above 0")
    ratio = (u_v / lv_v) ** 2

    def at_high(value: Callable[[PowerTransformerEnd], float], factor: float) -> float:
        return value(ends[0]) + value(ends[1]) * factor

    r, x = at_high(lambda end: end.r.value, ratio), at_high(lambda end: end.x.value, ratio)
    g, b = at_high(lambda end: end.g.value, 1 / ratio), at_high(lambda end: end.b.value, 1 / ratio)
    if r < 0 or x <= 0 or g < 0 or b > 0:
        raise BadInput(
            f"CIM PowerTransformer {name[:60]}: r {r:g}, x {x:g}, g {g:g}, b {b:g}: expected r >= 0, x > 0, g >= 0, b <= 0"
        )
    high_tap, low_tap = (taps.get(end.m_rid) for end in ends)
    position, percent = _tap(name, high_tap)
    low_position, low_percent = _tap(name, low_tap)
    return Transformer(
        name,
        high,
        low,
        rated_va=s_va,
        hv_v=u_v,
        lv_v=lv_v * (1 + low_position * low_percent / 100),
        uk_pct=math.hypot(r, x) * s_va / u_v**2 * 100,
        copper_loss_w=r * s_va**2 / u_v**2,
        iron_loss_w=g * u_v**2,
        i0_pct=math.hypot(g, b) * u_v**2 / s_va * 100,
        clock=(ends[1].phase_angle_clock - ends[0].phase_angle_clock) % 12,
        tap_position=position,
        tap_step_pct=percent,
    )


def _tap(name: str, tap: RatioTapChanger | None) -> tuple[int, float]:
    """(steps from neutral, percent a step)."""
    if tap is None:
        return 0, 0.0
    step = (
        tap.step
        if tap.step is not None
        else float(tap.normal_step if tap.normal_step is not None else tap.neutral_step)
    )
    if not tap.low_step <= step <= tap.high_step or step != int(step):
        raise BadInput(
            f"CIM RatioTapChanger of {name[:60]}: step {step:g}: expected a whole one of {tap.low_step} to {tap.high_step}"
        )
    return int(step) - tap.neutral_step, tap.step_voltage_increment.value
