"""`iles scale` and `iles district`: what a number of prosumers costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cim.model.errors import BadInput


def scale(
    upto: Annotated[int, typer.Option(min=10, max=1_000_000, help="The largest number of prosumers.")] = 1_000,
    only: Annotated[
        str, typer.Option(metavar="day,dispatch", help="What: day, dispatch, placement, penetration.")
    ] = "day,dispatch",
    between: Annotated[
        bool, typer.Option("--between", help="Also 30, 300 ... prosumers, on which the fitted laws are checked.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of districts, problems and runs.")] = 1,
    processes: Annotated[
        int,
        typer.Option(min=1, help="Share the district of a day; no more than it has feeders (104 connections each)."),
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Keep finished points here, with scale.json and scale.html: what is there is not measured again."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """What 10, 100, 1,000 ... prosumers cost: seconds, memory, messages; each point in a process of its own.

    `day` is a whole market day of a district (`iles district`) on the direct wire in one process, up to 10,000 prosumers;
    `dispatch` is one dispatch of packed prosumers, up to 1,000,000. `placement` puts one day's agents into one process, into
    hosts on Ray and onto several Ray nodes of this machine; `penetration` gives more and more connections PV, vehicles,
    batteries or heat pumps until grid or market gives way (ten minutes).
    """
    from experiments.bench.figures import Figures
    from experiments.cli.bench import show
    from experiments.cli.main import _one_thread
    from experiments.scale.study import TABLES, ScaleSettings, measure

    tables = tuple(word.strip() for word in only.split(","))
    for table in tables:
        if table not in TABLES:
            raise BadInput(f"only: {table!r}; expected some of {', '.join(TABLES)}, with commas between")
    _one_thread()
    console = Console(stderr=True)
    with console.status("measuring") as status:
        found = measure(
            ScaleSettings(upto, seed, tables, out, between, processes), lambda what: status.update(f"measuring: {what}")
        )
    figures: Figures = found
    if out is not None:
        from experiments.scale.page import write_results

        write_results(out, found)
    show(figures, as_json)


def district(
    prosumers: Annotated[int, typer.Argument(help="How many, 1 to 100,000.")],
    out: Annotated[Path | None, typer.Option(help="The site file; `district-N.yaml` otherwise.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same number and seed, same district.")] = 1,
    pv: Annotated[
        float | None, typer.Option(help="Percent of connections with a PV plant; as published otherwise.")
    ] = None,
    ev: Annotated[float | None, typer.Option(help="Percent with a charging station.")] = None,
    battery: Annotated[float | None, typer.Option(help="Percent with a battery.")] = None,
    heat_pump: Annotated[float | None, typer.Option(help="Percent with a heat pump.")] = None,
) -> None:
    """Make a district: copies of a SimBench grid, its rows dealt anew, Strem's market. `iles run FILE` runs it.

    Each copy of the grid is a congestion point behind a transformer of its own; eight hang at a 20 kV feeder, all feeders at
    one busbar.
    """
    from environment.district import Mix, write_district

    path = out or Path(f"district-{prosumers}.yaml")
    if not path.parent.is_dir():
        raise BadInput(f"out: {path.parent} is no folder; expected one that is there")
    write_district(path, prosumers, seed, Mix(pv=pv, battery=battery, station=ev, gateway=heat_pump))
    print(f"{path}: run it with `iles run {path} --runtime local`")
