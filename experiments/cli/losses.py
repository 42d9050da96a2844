"""`iles losses`: what becomes of the money when a meter or a link is lost, one run for each."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from experiments.losses.study import LossRow


def losses(
    site: Annotated[str, typer.Argument(help="A known site (`strem`) or the path of a site file.")],
    date_: Annotated[
        str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="Local day; the site's default otherwise.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same runs.")] = 1,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="DEVICE", help="Lose these alone; every meter and device else."),
    ] = None,
    since: Annotated[
        list[str] | None,
        typer.Option(metavar="HH:MM|day", help="From when on; at noon and for the whole day otherwise."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Rows as JSON; those that are there already are not run again.")] = Path(
        "out/losses.json"
    ),
) -> None:
    """Run a day once for every meter and every link that can be lost, and tabulate settled, true, paid and fined.

    What falls to what nobody metered stands in columns of its own: exit code 1 if any of it was settled, paid or fined.
    """
    from rich.console import Console
    from rich.table import Table

    from environment.sites import load_site
    from experiments.losses.study import losses_of, run_loss
    from experiments.run.columns.with_agents import run_agents
    from experiments.run.run import check
    from experiments.run.settings import RunSettings
    from experiments.run.settings import losses as minutes_of
    from market.rules import Control

    minutes = [None if text == "day" else minutes_of([f"x@{text}"])[0][1] for text in since or ["12:00", "day"]]
    day = None if date_ is None else date.fromisoformat(date_)
    settings = RunSettings(site, day, 1, seed, "local", "direct", 1, out.parent)
    check(settings)
    known = {(row.device, row.since): row for row in _read(out)}
    local = None
    out.parent.mkdir(parents=True, exist_ok=True)
    table = Table("lost", "since", "settled, kWh", "true, kWh", "DSO paid", "fined", "members paid", "fined",
                  "unmetered: kWh", "paid", "fined", "ISPs told")  # fmt: skip
    console = Console(highlight=False)
    console.width = max(console.width, 132)
    for loss in losses_of(load_site(site), minutes, only or ()):
        name = loss[0], "day" if loss[1] is None else f"{loss[1] // 60:02d}:{loss[1] % 60:02d}"
        if name not in known:
            local = local or run_agents(settings, Control.LOCAL)
            known[name] = run_loss(settings, loss, local)
            out.write_text(json.dumps([row.as_dict() for row in known.values()], indent=1) + "\n", encoding="utf-8")
            console.print(f"· {name[0] or 'nothing'} lost ({name[1]})", markup=False)
        table.add_row(*_cells(known[name]))
    console.print(table)
    if any(row.lost_settled_wh or row.lost_paid_e4 or row.lost_fined_e4 for row in known.values()):
        raise typer.Exit(1)


def _read(path: Path) -> list[LossRow]:
    from pydantic import TypeAdapter

    from experiments.losses.study import LossRow

    return TypeAdapter(list[LossRow]).validate_json(path.read_bytes()) if path.exists() else []


def _cells(row: LossRow) -> tuple[str, ...]:
    """A row as it is shown: kWh with one decimal, money in the currency unit."""
    kwh = [f"{x / 1000:.1f}" for x in (row.settled_wh, row.true_wh)]
    money = (row.paid_e4, row.fined_e4, row.members_paid_e4, row.members_fined_e4)
    dead = [f"{row.lost_settled_wh / 1000:.1f}", *(f"{x / 10_000:.2f}" for x in (row.lost_paid_e4, row.lost_fined_e4))]
    return row.device or "nothing", row.since, *kwh, *(f"{x / 10_000:.2f}" for x in money), *dead, str(row.told_isps)
