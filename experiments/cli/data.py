"""`iles data`: what a run or a site has kept, found and shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cim.model.errors import BadInput
from cim.platform.readings.windows import Grouping, Window
from experiments.cli import data_access

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import pyarrow as pa

    from cim.platform.documents.kinds import Body
    from experiments.data.asking import Asked
    from experiments.faults.topic_kills import TopicKills
    from experiments.faults.writer_kills import WriterKills

app = typer.Typer(
    name="data",
    no_args_is_help=True,
    help="The data platform of a run or a site: its series of readings, all their revisions, documents, data from elsewhere.\n\n"
    "Start with `iles data datasets DIR`, DIR being what `iles run --out DIR` has made; with a file of your own by "
    "`iles data suggest FILE`.",
)


class Apart(StrEnum):
    """What sums are told apart by, beside the reading type."""

    METER = "meter"
    USAGE_POINT = "usage_point"
    NOTHING = "nothing"


_GROUPS: Mapping[Apart, Sequence[Grouping]] = {
    Apart.METER: ("meter",),
    Apart.USAGE_POINT: ("usage_point",),
    Apart.NOTHING: (),
}
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A run's or a site's folder.")]
Meters = Annotated[list[str] | None, typer.Option("--meter", help="For example farm-1.battery; several times.")]
Points = Annotated[
    list[str] | None, typer.Option("--usage-point", help="A connection, for example farm-1; several times.")
]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="What is measured: power_w, soc_pct, ... or a ReadingType code.")
]
From = Annotated[
    str | None, typer.Option("--from", metavar="INSTANT", help="Local time of the site, or with an offset.")
]
To = Annotated[str | None, typer.Option("--to", metavar="INSTANT", help="The same; excluded.")]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="INSTANT", help="Only what the platform knew then.")]
By = Annotated[Window | None, typer.Option("--by", help="Sums and means by window of the site's local time.")]
Of = Annotated[Apart, typer.Option("--of", help="With --by: sums of each meter, of each connection, or of all.")]
Revisions = Annotated[bool, typer.Option("--revisions", help="All revisions of each reading, the oldest first.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON, all rows, instants in UTC.")]


@app.callback()
def _several() -> None:
    """The data platform of a finished run or a site."""


@app.command()
def datasets(folder: Folder, as_json: Json = False) -> None:
    """Every series of readings: what, whose, where, from when to when, how many, and how good."""
    import json

    from cim.platform.documents.kinds import Kind
    from cim.platform.documents.store import DocumentStore
    from cim.platform.site_data import documents_path
    from experiments.data.asking import site_zone
    from experiments.data.tables import show_datasets

    zone = site_zone(folder)
    documents = DocumentStore(documents_path(folder), read_only=True)
    found = documents.all(Kind.DATASET)
    documents.close()
    if as_json:
        print(json.dumps([document.body for document in found], indent=1))
    else:
        show_datasets(found, zone)


@app.command()
def query(
    folder: Folder,
    meter: Meters = None,
    usage_point: Points = None,
    of_type: Types = None,
    begin: From = None,
    end: To = None,
    as_of: AsOf = None,
    by: By = None,
    of: Of = Apart.METER,
    revisions: Revisions = False,
    limit: Annotated[int, typer.Option(min=1, help="How many rows are shown.")] = 40,
    as_json: Json = False,
) -> None:
    """Readings, or sums of them: of which meters, from when to when, as known when.

    For example: iles data query out/demo --meter farm-1.meter --type power_w --from 2016-05-20 --by hour
    """
    from experiments.data.asking import Asked, site_zone
    from experiments.data.tables import print_json, show_rows

    zone = site_zone(folder)
    rows = _found(folder, Asked(meter, usage_point, of_type, begin, end, as_of), zone, by, of, revisions)
    if as_json:
        print_json(rows)
    else:
        show_rows(rows, zone, limit)


@app.command()
def export(
    folder: Folder,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends with .parquet or .csv.")],
    meter: Meters = None,
    usage_point: Points = None,
    of_type: Types = None,
    begin: From = None,
    end: To = None,
    as_of: AsOf = None,
    by: By = None,
    of: Of = Apart.METER,
    revisions: Revisions = False,
) -> None:
    """The same as a file, with FILE.metadata.json beside it: columns, units, what was asked for, and a checksum."""
    from cim.platform.readings.export import export as write
    from experiments.data.asking import Asked, site_zone

    zone = site_zone(folder)
    asked = Asked(meter, usage_point, of_type, begin, end, as_of)
    rows = _found(folder, asked, zone, by, of, revisions)
    about: Body = {
        "meters": [*(meter or [])],
        "usage_points": [*(usage_point or [])],
        "types": [*(of_type or [])],
        "from": begin,
        "to": end,
        "as_of": as_of,
        "by": by,
        "revisions": revisions,
        "timezone": str(zone),
    }
    beside = write(rows, file, about)
    print(f"{rows.num_rows} rows in {file}, metadata in {beside}")


def _found(folder: Path, asked: Asked, zone: ZoneInfo, by: Window | None, of: Apart, revisions: bool) -> pa.Table:
    from cim.platform.readings.queries import ReadingQueries
    from cim.platform.readings.storage import readings_place

    if by is not None and revisions:
        raise BadInput(f"--revisions with --by {by}; expected one of them")
    queries, selection = ReadingQueries(readings_place(folder)), asked.selection(zone)
    if by is not None:
        return queries.aggregates(selection, by, zone, _GROUPS[of])
    return queries.revisions(selection) if revisions else queries.rows(selection)


@app.command()
def kill(
    kills: Annotated[int, typer.Option(min=1, help="How many.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Draws the moments.")] = 1,
    topic: Annotated[
        bool,
        typer.Option("--topic", help="Kill who takes readings from a topic into the table, and the topic's server."),
    ] = False,
) -> None:
    """Kill the readings table's writer (SIGKILL) at random moments under load, and hold it to what it had acknowledged.

    With --topic the whole way from the broker through mapping and rules is held to what the producer was told to be sent.
    The table is a temporary one in the folder that this is started in. Exit code 1 if a reading is lost or there twice.
    """
    import tempfile

    from rich.console import Console
    from rich.progress import Progress

    from experiments.faults.topic_kills import kill_takers
    from experiments.faults.writer_kills import kill_writers

    with (
        tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".data-kill-") as folder,
        Progress(console=Console(stderr=True)) as progress,
    ):
        task = progress.add_task("killing", total=kills)

        def tell(number: int) -> None:
            progress.update(task, completed=number)

        found: WriterKills | TopicKills
        if topic:
            found = kill_takers(Path(folder), kills, seed, tell)
        else:
            found = kill_writers(Path(folder) / "readings", kills, seed, tell)
    for sentence in found.wrong:
        print(sentence)
    if found.wrong:
        raise typer.Exit(1)
    print(found.said)


data_access.add_to(app)
