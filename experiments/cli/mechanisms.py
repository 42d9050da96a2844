"""`iles mechanisms`: market mechanisms side by side on a district's days."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.cli.sites import SITE_HELP

if TYPE_CHECKING:
    from experiments.mechanisms.models import Comparison, Mean

_SHOWN = {  # a figure -> its heading; {currency} is the site's
    "welfare": "welfare, {currency}",
    "of_optimum_pct": "of best, %",
    "dso_paid": "DSO pays",
    "ct_per_relieved_kwh": "ct/kWh",
    "surplus": "left over",
    "solved_pct": "solved, %",
    "messages": "messages",
    "baseline_inflation_gain": "gain: inflated",
    "increase_decrease_gain": "inc-dec",
    "withheld_offers_gain": "withheld",
}


def mechanisms(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Some of them; all otherwise.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Show names and properties, and run nothing.")] = False,
    site: Annotated[str, typer.Option(help=SITE_HELP)] = "strem",
    days: Annotated[
        str | None,
        typer.Option(
            metavar="DATE,...|FILE", help="Local days, or a file of `iles days worst`; the site's default day."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many: 1 to N.")] = 20,
    out: Annotated[Path, typer.Option(help="Folder for mechanisms.json and mechanisms.html.")] = Path("out/mechanisms"),
    processes: Annotated[int | None, typer.Option(min=1, help="As many as there are cores otherwise.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON and nothing else.")] = False,
) -> None:
    """Compare market mechanisms on one district, its days and seeds, by bids of its own elements at their own costs.

    Welfare, distance to the optimum, payments, budget, congestion solved (by the power flow on what really came), messages,
    and what three games bring whoever plays them; means with 95 % intervals. The same seeds give the same numbers.
    """
    from rich.console import Console

    from cim.model.errors import BadInput
    from experiments.mechanisms.compare import compare
    from experiments.mechanisms.page import write_page
    from market.mechanisms.registry import MECHANISMS, mechanism

    chosen = (
        tuple(dict.fromkeys(mechanism(name).name for name in names)) if names else tuple(m.name for m in MECHANISMS)
    )
    if list_:
        _show_properties(chosen)
        return
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"out: {out} cannot be made ({error.strerror}); expected a folder") from None
    cores = len(os.sched_getaffinity(0))
    wanted, numbers = _days(site, days), tuple(range(1, seeds + 1))
    with Console(stderr=True).status("comparing") as status:
        found = compare(
            site,
            wanted,
            numbers,
            chosen,
            processes or cores,
            lambda day, seed: status.update(f"{day}: seed {seed} done"),
        )
    (out / "mechanisms.json").write_text(found.json_text(), encoding="utf-8")
    write_page(out / "mechanisms.html", found)
    if as_json:
        print(found.json_text(), end="")
        return
    _show(found)
    typer.echo(f"{out / 'mechanisms.json'}, {out / 'mechanisms.html'}: written")


def _days(site: str, text: str | None) -> tuple[date, ...]:
    from agents.assembly.agents_of_site import days_of_history
    from cim.model.errors import BadInput
    from cim.model.intervals import LocalDay
    from environment.profiles.library import load
    from environment.sites import load_site
    from experiments.run.study.study_command import days_of

    known = load_site(site)
    if text is None:
        found: tuple[date, ...] = (known.default_day,)
    elif Path(text).is_file():
        found = days_of(Path(text))
    else:
        try:
            found = tuple(dict.fromkeys(date.fromisoformat(part.strip()) for part in text.split(",")))
        except ValueError:
            raise BadInput(f"days: {text!r}; expected dates (2016-05-20,2016-06-06) or a file of them") from None
    profiles = load(known.profiles)
    for day in found:
        days_of_history(LocalDay(day, known.timezone, known.isp_minutes), profiles)
    return found


def _show(found: Comparison) -> None:
    from rich.console import Console
    from rich.table import Table

    days = ", ".join(day.isoformat() for day in found.days)
    table = Table(title=f"{found.site}, {days}: {len(found.seeds)} seeds; mean ± half of the 95 % interval")
    table.add_column("", no_wrap=True)
    for heading in _SHOWN.values():
        table.add_column(heading.format(currency=found.currency), justify="right", no_wrap=True)
    for rule, one in found.mechanisms.items():
        table.add_row(rule, *(_cell(one.figures.get(name)) for name in _SHOWN))
    console = Console(highlight=False)
    console.width = max(console.width, 180)
    console.print(table)


def _cell(mean: Mean | None) -> str:
    if mean is None:
        return "–"
    decimals = 0 if abs(mean.mean) >= 1000 else 1 if abs(mean.mean) >= 10 else 2
    shown = f"{mean.mean + 0.0:,.{decimals}f}"
    return shown if mean.high is None else f"{shown} ± {mean.high - mean.mean:,.{decimals}f}"


def _show_properties(names: tuple[str, ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    from market.mechanisms.registry import mechanism

    table = Table("mechanism", "budget", "truthful", "efficient", "ind. rational", "`iles run --mechanism`", "source")
    for name in names:
        states = mechanism(name).properties
        yes = ["yes" if it_is else "no" for it_is in (states.individually_rational, states.procures)]
        table.add_row(name, states.budget.value, states.truthful.value, states.efficient.value, *yes, states.source)
    console = Console(highlight=False)
    console.width = max(console.width, 160)
    console.print(table)
