"""`iles losses`: what becomes of the money when a meter or a link is lost, one run for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.cli.sites import SITE_HELP

if TYPE_CHECKING:
    from experiments.losses.study import LossRow


def losses(
    site: Annotated[str, typer.Argument(help=SITE_HELP)],
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
    out: Annotated[
        Path, typer.Option(help="Rows as JSON; those of this program, day and seed are not run again.")
    ] = Path("out/losses.json"),
    processes: Annotated[
        int | None, typer.Option(min=1, help="Runs at the same time; as many as cores otherwise.")
    ] = None,
) -> None:
    """Run a day once for every meter and every link that can be lost, and tabulate settled, true, paid and fined.

    As many runs at once as there are cores, of the market alone; a day of Strem is some 120 of them. Each row is kept as soon
    as it is there: a call that was stopped goes on where it was, and the losses asked for by an earlier one are not run again.

    A second table has every party that was fined: settled, true, paid and fined of its own (of all parties: `--out`).
    What falls to what nobody metered stands in columns of its own: exit code 1 if any of it was settled, paid or fined.
    """
    from rich.console import Console
    from rich.table import Table

    from environment.sites import load_site
    from experiments.losses.study import keep_rows, losses_of, name_of, read_rows, run_key, run_losses
    from experiments.run.run import check
    from experiments.run.settings import RunSettings
    from experiments.run.settings import losses as minutes_of

    minutes = [None if text == "day" else minutes_of([f"x@{text}"])[0][1] for text in since or ["12:00", "day"]]
    day = None if date_ is None else date.fromisoformat(date_)
    settings = RunSettings(site, day, 1, seed, "local", "direct", 1, out.parent)
    check(settings)
    run = run_key(settings)
    known = read_rows(out, run)
    out.parent.mkdir(parents=True, exist_ok=True)
    wanted = losses_of(load_site(site), minutes, only or ())
    left = [loss for loss in wanted if name_of(loss) not in known]
    console = Console(highlight=False)
    console.width = max(console.width, 132)
    with _progress(len(wanted), len(wanted) - len(left)) as done:
        for row in run_losses(settings, left, run, processes or os.cpu_count() or 1) if left else ():
            known[row.loss] = row
            keep_rows(out, known.values())
            done(f"{row.device or 'nothing'} lost ({row.since})")
    table = Table("lost", "since", "settled, kWh", "true, kWh", "DSO paid", "fined", "members paid", "fined",
                  "unmetered: kWh", "paid", "fined", "ISPs told")  # fmt: skip
    for loss in wanted:
        table.add_row(*_cells(known[name_of(loss)]))
    console.print(table)
    fined = [cells for loss in wanted for cells in _party_cells(known[name_of(loss)])]
    if fined:
        parties = Table("lost", "since", "party", "settled, kWh", "true, kWh", "paid", "fine", title="Who was fined")
        for cells in fined:
            parties.add_row(*cells)
        console.print(parties)
    if any(row.lost_settled_wh or row.lost_paid_e4 or row.lost_fined_e4 for row in known.values()):
        raise typer.Exit(1)


@contextmanager
def _progress(count: int, there: int) -> Iterator[Callable[[str], None]]:
    """A bar over all runs with the time that is left; yields what hears of each that is done."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True, highlight=False)
    with Progress(*columns, console=console, speed_estimate_period=600) as bar:
        task = bar.add_task("runs", total=count, completed=there)

        def done(words: str) -> None:
            bar.update(task, advance=1, description=words)
            if not console.is_terminal:
                console.print(f"· {words}", markup=False)

        yield done


def _cells(row: LossRow) -> tuple[str, ...]:
    """A row as it is shown: kWh with one decimal, money in the currency unit."""
    kwh = [f"{x / 1000:.1f}" for x in (row.settled_wh, row.true_wh)]
    money = (row.paid_e4, row.fined_e4, row.members_paid_e4, row.members_fined_e4)
    dead = [f"{row.lost_settled_wh / 1000:.1f}", *(f"{x / 10_000:.2f}" for x in (row.lost_paid_e4, row.lost_fined_e4))]
    return row.device or "nothing", row.since, *kwh, *(f"{x / 10_000:.2f}" for x in money), *dead, str(row.told_isps)


def _party_cells(row: LossRow) -> list[tuple[str, ...]]:
    """The parties that were fined when this was lost, as they are shown."""
    return [
        (
            row.device or "nothing",
            row.since,
            one.party,
            *(f"{x / 1000:.1f}" for x in (one.settled_wh, one.true_wh)),
            *(f"{x / 10_000:.2f}" for x in (one.paid_e4, one.fined_e4)),
        )
        for one in row.parties
        if one.fined_e4
    ]
