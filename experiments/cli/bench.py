"""`iles bench`: measurements, ours beside others'."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from experiments.bench.figures import Figures

app = typer.Typer(no_args_is_help=True, help="Measure, side by side with what others do on the same machine.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Full = Annotated[bool, typer.Option("--full", help="Longer runs and more of them.")]

_PEERS = {"mango-agents": "mango", "frequenz-channels": "frequenz"}  # the package of each, and what it is imported as
_TREES = {"merkletools": "merkletools"}


@app.callback()
def group() -> None:
    """Measure, side by side with what others do on the same machine."""


@app.command()
def messages(as_json: Json = False, full: Full = False) -> None:
    """How fast agents talk: in one host, between packed hosts, durably.

    Beside it: mango-agents, frequenz-channels, Ray and asyncio.
    """
    _expect(_PEERS)
    from experiments.bench.messages import measure

    console = Console(stderr=True)
    with console.status("measuring") as status:
        found = measure(full, lambda what: status.update(f"measuring: {what}"))
    show(found, as_json)


@app.command()
def crowd(as_json: Json = False, full: Full = False) -> None:
    """What a hundred thousand agents in packed hosts cost on this machine, and whether their memory grows."""
    from experiments.bench.crowd import measure

    console = Console(stderr=True)
    with console.status("measuring") as status:
        found = measure(full, lambda what: status.update(f"measuring: {what}"))
    show(found, as_json)


@app.command()
def data(as_json: Json = False, full: Full = False) -> None:
    """How fast the data platform takes readings in and answers: 1,000 meters, a year of quarter-hours, 10 % corrected late.

    Beside it: plain pandas on a CSV file. The big tables are made once, in $XDG_CACHE_HOME/iles/bench (400 MB).
    """
    from experiments.bench.data import measure

    console = Console(stderr=True)
    with console.status("measuring") as status:
        found = measure(full, lambda what: status.update(f"measuring: {what}"))
    show(found, as_json)


@app.command()
def market(as_json: Json = False, full: Full = False) -> None:
    """How fast the market's rules are.

    100,000 bids by uniform price; a month of 10,000 members settled twice, by both parties' data, and compared.
    """
    from experiments.bench.market import measure

    console = Console(stderr=True)
    with console.status("measuring") as status:
        found = measure(full, lambda what: status.update(f"measuring: {what}"))
    show(found, as_json)


@app.command()
def ledger(as_json: Json = False, full: Full = False) -> None:
    """How fast the ledger takes records (synced, and with signatures never seen before), and makes heads and proofs.

    Beside it: merkletools rebuilt for each head, and bare Ed25519 checks. It writes to the folder it is started in.
    """
    _expect(_TREES)
    from experiments.bench.ledger import measure

    console = Console(stderr=True)
    with console.status("measuring") as status:
        found = measure(full, lambda what: status.update(f"measuring: {what}"))
    show(found, as_json)


@app.command()
def dispatch(as_json: Json = False, full: Full = False) -> None:
    """How fast many prosumers are dispatched: 1,000 to 100,000 (--full: 1,000,000), to a certified tenth of a percent.

    Beside it: PIQP on 1,000 (--full: Clarabel and OSQP, and hosts in processes of their own). It takes about a minute.
    """
    _expect({"piqp": "piqp"})
    from experiments.bench.dispatch.measure import measure

    console = Console(stderr=True)
    with console.status("measuring") as status:
        found = measure(full, lambda what: status.update(f"measuring: {what}"))
    show(found, as_json)


@app.command()
def plan(as_json: Json = False, full: Full = False) -> None:
    """How fast 40 resources are planned over 96 ISPs against 20 scenarios: a day ahead, and again every ISP.

    Beside it the extensive form, whose cost the plan is compared with. --full rolls through whole days with three seeds.
    """
    from experiments.bench.plan.measure import measure

    console = Console(stderr=True)
    with console.status("measuring") as status:
        found = measure(full, lambda what: status.update(f"measuring: {what}"))
    show(found, as_json)


@app.command()
def grid(as_json: Json = False, full: Full = False) -> None:
    """How fast the DSO's safety analysis is: 96 ISPs in 20 scenarios on three SimBench grids.

    Beside it: power-grid-model's batch alone (`vs_power_grid_model_bare`: times as long) and pandapower's loop of single power
    flows (`vs_pandapower_loop`: times as fast; timed on 96 of the 1,920 and scaled, --full: on all), and how far apart the
    voltages are. It takes about half a minute; the first time a minute more, for pandapower's own environment (it wants an
    older pandas), which is made in .reference/pandapower.
    """
    from experiments.bench.grid.measure import measure

    console = Console(stderr=True)
    with console.status("measuring") as status:
        found = measure(full, lambda what: status.update(f"measuring: {what}"))
    show(found, as_json)


@app.command()
def wire(as_json: Json = False, full: Full = False) -> None:
    """What 200 SunSpec devices polled each second and 1,000 (--full: 5,000) charging stations cost, as shares of a core.

    And how long a setpoint takes at the load of both, until it is read back. Beside it: pysunspec2's own client, by decoded
    points for each second of CPU. The far ends run in processes of their own; it takes about 40 s. Where
    `woken_late_p99_ms` is large, the machine is busy with other things, and so the setpoints wait for a core.
    """
    from experiments.bench.wire.measure import measure

    console = Console(stderr=True)
    with console.status("measuring") as status:
        found = measure(full, lambda what: status.update(f"measuring: {what}"))
    show(found, as_json)


@app.command()
def portal(as_json: Json = False, full: Full = False) -> None:
    """How soon the portal answers for 10,000 agents, 200 times a second; tells 2,000 listeners; and paints its first page.

    The portal has one core of its own. The painting needs Chromium (`make tools`). With --full each page is opened there, too,
    over a year of data (a day at Strem told 365 times) and 10,000 agents; that takes some minutes.
    """
    from experiments.bench.portal import measure

    console = Console(stderr=True)
    with console.status("measuring") as status:
        found = measure(full, lambda what: status.update(f"measuring: {what}"))
    show(found, as_json)


def _expect(peers: dict[str, str]) -> None:
    """Find out early whether the libraries are there that are measured beside ours.

    Raises:
        BadInput: one is not installed; it is named.
    """
    from cim.model.errors import BadInput

    for package, module in peers.items():
        if find_spec(module) is None:
            raise BadInput(f"bench: {package} is not installed; expected the extra `bench` (pip install 'iles[bench]')")


def show(found: Figures, as_json: bool) -> None:
    """As JSON, or as a table of every figure."""
    if as_json:
        print(json.dumps(found, indent=2))
        return
    table = Table("figure", "value")
    for name, value in flat(found):
        table.add_row(name, f"{value:,.3g}" if isinstance(value, float) and value < 1000 else f"{value:,.0f}")
    Console().print(table)


def flat(found: Figures, prefix: str = "") -> list[tuple[str, float]]:
    """Every figure with its name, those of groups as `group.figure`."""
    rows: list[tuple[str, float]] = []
    for name, value in found.items():
        rows += flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [(f"{prefix}{name}", value)]
    return rows
