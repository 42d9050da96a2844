"""Pack any SimBench grid and its year of profiles into `grid.json` and `profiles.parquet`.

Needs the optional extra `simbench`. Only the fields ILES uses are kept, in SI units; profile values stay per unit.
"""

from __future__ import annotations

import json
import math
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from cim.model.errors import BadInput
from environment.profiles import ATTRIBUTION, LICENCE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pandapower import pandapowerNet

_LOCAL = ZoneInfo("Europe/Berlin")  # SimBench's `time` is German local time
_QUARTER = timedelta(minutes=15)

# Profiles the pack `simbench-rural1` takes from another grid: rural1 ships none for trade, industry and estates.
SHIPPED_EXTRA = {"1-LV-rural2--2-no_sw": ("G3-A", "G6-A", "H0-G", "HLS_B_11.0")}


def utc_instants(local_times: list[str]) -> list[datetime]:
    """SimBench's local times (`dd.mm.yyyy HH:MM`) as true UTC instants a quarter-hour apart.

    Local time alone is ambiguous in the autumn hour, so the first instant anchors and each row is checked against it.

    Raises:
        BadInput: a row does not lie a quarter-hour after the one before.
    """
    first = datetime.strptime(local_times[0], "%d.%m.%Y %H:%M").replace(tzinfo=_LOCAL).astimezone(UTC)
    instants = [first + k * _QUARTER for k in range(len(local_times))]
    for row, (text, instant) in enumerate(zip(local_times, instants, strict=True)):
        if instant.astimezone(_LOCAL).strftime("%d.%m.%Y %H:%M") != text:
            raise BadInput(f"time[{row}]: {text!r} was found where quarter-hours lead to {instant.astimezone(_LOCAL)}")
    return instants


def _network(code: str) -> pandapowerNet:
    """The grid as SimBench gives it."""
    try:
        import simbench
    except ImportError as error:
        raise BadInput("simbench: the package is not installed; expected `pip install 'iles[simbench]'`") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return simbench.get_simbench_net(code)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise BadInput(
                f"code: {code!r} is not a SimBench grid; expected for example 1-LV-rural1--2-no_sw"
            ) from error


def _grid(code: str, net: pandapowerNet) -> dict[str, object]:
    """What goes into `grid.json`; see `environment.profiles.grid`."""
    bus = net.bus.name.to_dict()
    if len(net.ext_grid) != 1:
        raise BadInput(f"code: {code!r} has {len(net.ext_grid)} external grids; expected exactly 1")
    slack = net.ext_grid.iloc[0]
    off_lines, off_transformers = _off(net, "l"), _off(net, "t")
    return {
        "code": code,
        "slack_node": bus[slack.bus],
        "slack_voltage_pu": float(slack.vm_pu),
        "nodes": [{"name": r.name, "nominal_v": round(r.vn_kv * 1e3)} for r in net.bus.itertuples(index=False)],
        "coordinates": _coordinates(net),
        "lines": [
            {
                "name": r.name,
                "from_node": bus[r.from_bus],
                "to_node": bus[r.to_bus],
                "r_ohm": round(r.r_ohm_per_km * r.length_km / r.parallel, 9),
                "x_ohm": round(r.x_ohm_per_km * r.length_km / r.parallel, 9),
                "c_nf": round(r.c_nf_per_km * r.length_km * r.parallel, 6),
                "rated_a": r.max_i_ka * 1e3 * r.df * r.parallel,
            }
            for r in net.line.itertuples(index=False)
            if r.name not in off_lines
        ],
        "transformers": [
            _transformer(r, bus) for r in net.trafo.itertuples(index=False) if r.name not in off_transformers
        ],
        "loads": [_unit(r, bus) | {"q_var": round(r.q_mvar * 1e6)} for r in net.load.itertuples(index=False)],
        "sgens": [_unit(r, bus) for r in net.sgen.itertuples(index=False)],
        "storages": [
            _unit(r, bus)
            | {"p_w": round(r.sn_mva * 1e6), "energy_wh": round(r.max_e_mwh * 1e6), "efficiency": r.efficiency_percent}
            for r in net.storage.itertuples(index=False)
        ],
    }


def _coordinates(net: pandapowerNet) -> dict[str, list[float]]:
    """Node -> [longitude, latitude] in degrees (WGS 84), of those that SimBench places."""
    found = {}
    for row in net.bus.itertuples(index=False):
        place = getattr(row, "geo", None)  # GeoJSON, as pandapower keeps it since version 3
        if isinstance(place, str) and place:
            found[row.name] = [float(degrees) for degrees in json.loads(place)["coordinates"][:2]]
    return found


def _off(net: pandapowerNet, kind: str) -> set[str]:
    """The names of lines (`l`) or transformers (`t`) that carry nothing: out of service, or with an open switch."""
    branches, switches = net.line if kind == "l" else net.trafo, getattr(net, "switch", None)
    if not len(branches):
        return set()
    names = branches.name.to_dict()
    off = {row.name for row in branches.itertuples(index=False) if not getattr(row, "in_service", True)}
    rows = () if switches is None else switches.itertuples(index=False)
    return off | {names[row.element] for row in rows if row.et == kind and not row.closed}


def _unit(row: Any, bus: dict[int, str]) -> dict[str, object]:
    return {"name": row.name, "node": bus[row.bus], "p_w": round(row.p_mw * 1e6), "profile": row.profile}


def _transformer(row: Any, bus: dict[int, str]) -> dict[str, object]:
    tap = 0 if math.isnan(row.tap_pos) else int(row.tap_pos - row.tap_neutral)
    return {
        "name": row.name,
        "hv_node": bus[row.hv_bus],
        "lv_node": bus[row.lv_bus],
        "rated_va": round(row.sn_mva * row.parallel * 1e6),
        "hv_v": row.vn_hv_kv * 1e3,
        "lv_v": row.vn_lv_kv * 1e3,
        "uk_pct": row.vk_percent,
        "copper_loss_w": round(row.vkr_percent * row.sn_mva * 1e4 * row.parallel, 3),
        "iron_loss_w": row.pfe_kw * 1e3 * row.parallel,
        "i0_pct": row.i0_percent,
        "clock": round(row.shift_degree / 30) % 12,
        "tap_position": tap,
        "tap_step_pct": 0.0 if math.isnan(row.tap_step_percent) else float(row.tap_step_percent),
    }


def _columns(net: pandapowerNet, times: list[str]) -> dict[str, NDArray[np.float32]]:
    """Every profile of a grid: active power under the profile's name, reactive under `<name>.q`.

    Raises:
        BadInput: a table has other times than these, or a value is no number.
    """
    import numpy as np

    found: dict[str, NDArray[np.float32]] = {}
    for table in ("load", "renewables"):
        frame = net.profiles[table]
        _expect_times(table, [str(text) for text in frame["time"]], times)
        for column in frame.columns:
            if column != "time":
                name = column.removesuffix("_pload").replace("_qload", ".q")
                values = frame[column].to_numpy(dtype=np.float32)
                wrong = np.flatnonzero(~np.isfinite(values))
                if len(wrong):
                    raise BadInput(
                        f"{table}.{column}[{wrong[0]}]: {values[wrong[0]]} at {times[wrong[0]]}; expected a number"
                    )
                if name.endswith(".q") and not values.any():
                    continue  # chargers draw no reactive power: nothing to keep
                found[name] = values
    return found


def _expect_times(table: str, found: list[str], times: list[str]) -> None:
    if found != times:
        first = next((k for k, pair in enumerate(zip(found, times, strict=False)) if pair[0] != pair[1]), len(times))
        there = found[first] if first < len(found) else "nothing"
        expected = times[first] if first < len(times) else "nothing more"
        raise BadInput(
            f"{table}: its {len(found)} times differ from the {len(times)} of the loads from row {first} on: "
            f"{there}; expected {expected}"
        )


def import_grid(code: str, out_dir: Path, extra: dict[str, tuple[str, ...]] | None = None) -> Path:
    """Write SimBench grid `code` and its year of profiles to `out_dir`; `extra` adds profiles other grids ship.

    Args:
        code: a SimBench code with exactly one external grid, for example `1-LV-rural1--2-no_sw`.
        out_dir: folder that gets grid.json, profiles.parquet, LICENSE.md and ATTRIBUTION.md.
        extra: profile names to add, by the code of the grid that ships them.

    Raises:
        BadInput: simbench is not installed, the code or an extra profile is unknown, or the times do not fit.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    net = _network(code)
    times = [str(text) for text in net.profiles["load"]["time"]]
    instants = utc_instants(times)
    columns = _columns(net, times)
    for other, names in (extra or {}).items():
        shipped = _columns(_network(other), times)
        for name in names:
            if name not in shipped:
                raise BadInput(f"extra: {other!r} ships no profile {name!r}; expected one of {', '.join(shipped)}")
            columns |= {key: shipped[key] for key in (name, f"{name}.q") if key in shipped}
    grid = json.dumps(_grid(code, net), indent=1) + "\n"
    time = pa.array(instants, type=pa.timestamp("s", tz="UTC"))
    table = pa.table({"time": time} | {name: pa.array(columns[name]) for name in sorted(columns)})
    out_dir.mkdir(parents=True, exist_ok=True)  # nothing is written before all of it is there
    (out_dir / "grid.json").write_text(grid, encoding="utf-8")
    pq.write_table(table, out_dir / "profiles.parquet", compression="zstd", compression_level=15)
    (out_dir / "LICENSE.md").write_text(LICENCE, encoding="utf-8")
    extras = sorted({code, *(extra or {})})
    (out_dir / "ATTRIBUTION.md").write_text(ATTRIBUTION.format(codes=", ".join(extras)), encoding="utf-8")
    return out_dir
