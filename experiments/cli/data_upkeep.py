"""`iles data status | maintain | keep`: how a folder's data platform is, its upkeep, and how long readings are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cim.model.errors import BadInput

if TYPE_CHECKING:
    from cim.platform.batches import Batches

app = typer.Typer()

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A run's, a site's or a data folder.")]


@app.command()
def status(
    folder: Folder,
    history: Annotated[int, typer.Option(min=0, max=200, help="With --json: runs of each module.")] = 5,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with the history.")] = False,
) -> None:
    """Modules (state, queue, last error), sizes of tables, sources, quarantine, age of the search index.

    Also while the site lives or `iles data run` runs. Exit code 1 if a module or a source fails.
    """
    import time

    from rich.live import Live

    from cim.platform.orchestrator.status import status_of
    from experiments.data.tables import screen
    from experiments.data.upkeep import shown

    _there(folder)
    if watch:
        with Live(console=screen(), refresh_per_second=1) as live:
            while True:
                live.update(shown(status_of(folder)), refresh=True)
                time.sleep(2)
    found = status_of(folder, history)
    if as_json:
        print(found.model_dump_json(indent=1))
    else:
        screen().print(shown(found))
    if not found.is_well:
        raise typer.Exit(1)


@app.command()
def maintain(
    folder: Folder,
    on_ray: Annotated[
        bool,
        typer.Option("--ray", help="Compact by Ray Data, month by month, on all cores; with RAY_ADDRESS on a cluster."),
    ] = False,
) -> None:
    """Sort what was appended, remove what is older than it is kept, write the search index again; once, now.

    A living site does so by itself every hour and every night. With --ray compaction is spread over the cores of a Ray of
    its own, or over the nodes of the cluster that RAY_ADDRESS names where the readings are in an S3-compatible store.
    """
    from rich.console import Console

    from cim.platform.orchestrator.executor import ThreadExecutor
    from cim.platform.orchestrator.service import failures, run_once
    from cim.platform.orchestrator.site_tasks import upkeep_tasks
    from experiments.data.upkeep import clock_of, line_of
    from portal.data_site import RefreshIndex

    _there(folder)
    batches = _on_ray(folder) if on_ray else None
    with Console(stderr=True).status("") as running:
        runs = run_once(
            folder,
            upkeep_tasks(folder, index=RefreshIndex(folder), batches=batches),
            ThreadExecutor(),
            clock_of(folder),
            tell=lambda run: print(line_of(run), flush=True),
            progress=running.update,
        )
    if failures(runs):
        raise typer.Exit(1)


@app.command()
def keep(
    folder: Folder,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="From a reading's begin on.")],
    of_type: Annotated[
        list[str] | None, typer.Option("--type", help="Only of these: power_w, ... or a ReadingType code.")
    ] = None,
) -> None:
    """Say how long readings are kept; the site's nightly upkeep, or `iles data maintain`, then removes what is older.

    Without --type it holds for all types that have no rule of their own. For example: iles data keep DIR --days 730
    """
    from cim.platform.orchestrator.site_tasks import Rule, keep_for
    from experiments.data.asking import code_of
    from experiments.data.upkeep import clock_of

    _there(folder)
    codes = tuple(sorted(map(code_of, of_type))) if of_type else None
    for rule in keep_for(folder, Rule(days=days, reading_types=codes), "operator", clock_of(folder)):
        print(f"{rule.days} days: {', '.join(rule.reading_types) if rule.reading_types else 'all other readings'}")


@app.command()
def store(
    folder: Folder,
    address: Annotated[str, typer.Argument(metavar="s3://BUCKET/PATH", help="Of this folder's table alone.")],
    endpoint: Annotated[str | None, typer.Option(help="Of a store that is not Amazon's, for example MinIO.")] = None,
    region: Annotated[str, typer.Option()] = "us-east-1",
) -> None:
    """Keep a folder's readings in an S3-compatible store; before its first reading.

    The keys are in the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, for whoever writes or reads.
    """
    from pydantic import ValidationError

    from cim.model.worded import what_was_expected
    from cim.platform.readings.storage import Storage, storage_path, store_at

    try:
        told = Storage(readings=address, endpoint=endpoint, region=region)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = {"readings": "address", "endpoint": "--endpoint", "region": "--region"}[str(first["loc"][0])]
        raise BadInput(f"store: {option} {first['input']!r}; {what_was_expected(first)}") from None
    store_at(folder, told)
    print(f"{storage_path(folder)}: readings are kept at {address}")


def _on_ray(folder: Path) -> Batches:
    from agents.runtime.ray.start import start_ray

    start_ray()
    from agents.assembly.ray_data import RayDataBatches  # loads Ray, so not before it is started
    from cim.platform.readings.storage import readings_place

    return RayDataBatches(shared=readings_place(folder).folder is None)


def _there(folder: Path) -> None:
    if not (folder / "data").is_dir():
        raise BadInput(
            f"{folder} has no data; expected the folder of a run, of a site, or one that `iles data add` made"
        )
