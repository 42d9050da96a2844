"""`iles data suggest | try | add | sources | pause | resume | remove | run | quarantine | fuzz`: data from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cim.model.errors import BadInput

if TYPE_CHECKING:
    from cim.platform.handler.handler import Taken
    from cim.platform.ingestion.manager import IngestionManager

app = typer.Typer()
_DESCRIBED_EVERY_S = 3600.0  # each time is a version of a document for each series that has more readings

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A run's, a site's or a new data folder.")]
SourceFile = Annotated[Path, typer.Argument(metavar="SOURCE", help="A source's file (YAML), its mapping beside it.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A source's name; `iles data sources DIR` lists them.")]


@app.command()
def suggest(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSON or Parquet, as its source gives it.")],
    out: Annotated[Path | None, typer.Option(help="A file to write the mapping to; the screen otherwise.")] = None,
) -> None:
    """Propose a mapping for a file nobody has described yet, with the reason for each line.

    Headers are understood in German, Spanish and English. Look at every line marked `assumed`, then `iles data try`.
    """
    from cim.mapping.engine.suggest.suggest import suggest as suggested

    try:
        with file.open("rb") as source:
            text = suggested(
                source, "".join(c if c.isalnum() and c.isascii() else "-" for c in file.stem).strip("-") or "mapping"
            )
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None
    if out is None:
        print(text, end="")
    else:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BadInput(f"--out {out} cannot be written ({error.strerror}); expected a file in a folder") from None
        print(f"{out}: written; look at the lines marked `assumed`")


@app.command("try")
def try_(
    source: SourceFile,
    file: Annotated[Path | None, typer.Option(help="Map this file instead of asking the source.")] = None,
    rows: Annotated[int, typer.Option(min=1, max=1000, help="How many readings are shown.")] = 10,
) -> None:
    """Ask a source once and show its first rows as CIM readings; nothing is kept."""
    from cim.platform.ingestion.manager import first_mapped, try_out
    from cim.platform.ingestion.source import read_source
    from experiments.data.source_pages import show_first

    asked = read_source(source)
    if file is not None and not file.is_file():
        raise BadInput(f"{file} is no file")
    show_first(*(try_out(asked, _now(), rows) if file is None else first_mapped(asked, file, rows)))


@app.command()
def add(
    folder: Folder,
    source: SourceFile,
    again: Annotated[bool, typer.Option("--again", help="Forget what was taken: ask for all of it again.")] = False,
) -> None:
    """Add a source to a data folder, or mend the one of its name; also while `iles data run` runs."""
    from cim.platform.ingestion.opened import register_of
    from cim.platform.ingestion.source import read_source

    asked = read_source(source)
    with register_of(folder) as register:
        register.put(asked, _now(), again=again)
    print(f"{asked.source.name}: added; `iles data run {folder}` asks it")


@app.command()
def sources(folder: Folder) -> None:
    """The sources of a folder: state, last run, readings, rejects, last error."""
    from cim.platform.ingestion.opened import register_of
    from experiments.data.source_pages import show_sources

    _there(folder)
    with register_of(folder) as register:
        show_sources(register.states())


@app.command()
def pause(folder: Folder, name: Name) -> None:
    """Ask a source no more until it is resumed."""
    _move(folder, name, "paused")


@app.command()
def resume(folder: Folder, name: Name) -> None:
    """Ask a paused source again, from where it was."""
    _move(folder, name, "active")


@app.command()
def remove(folder: Folder, name: Name) -> None:
    """Ask a source no more and list it no more; its readings stay."""
    _move(folder, name, "removed")


@app.command()
def run(
    folder: Folder,
    once: Annotated[bool, typer.Option("--once", help="Ask every active source now, then end.")] = False,
) -> None:
    """Ask the sources when they are due, until you stop it; what was taken stays, and a stop loses nothing."""
    from cim.platform.ingestion.describing import describe_taken
    from cim.platform.ingestion.opened import manager_of
    from experiments.data.source_pages import line_of

    _there(folder)
    with manager_of(folder, _progress()) as manager:
        if once:
            names = [state.name for state in manager.register.states() if state.state == "active"]
            runs = [manager.run(name, _now()) for name in names]
            for done in runs:
                print(line_of(done.source, done.taken, done.error))
            if any(done.taken.readings for done in runs):
                describe_taken(folder, _now())
            if not runs:
                print("no source is active; `iles data sources` lists them")
            if any(done.error for done in runs):
                raise typer.Exit(1)
            return
        print(f"{folder}: {len(manager.register.states())} sources; stop it with Ctrl-C")
        _forever(manager, folder)


@app.command()
def quarantine(
    folder: Folder,
    source: Annotated[str | None, typer.Option(help="Of this source alone.")] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Try what is held again, by the mappings as they are now.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many records are shown.")] = 20,
) -> None:
    """What could not be taken: the reason and the record; --replay takes it after its mapping was mended."""
    from cim.platform.ingestion.describing import describe_taken
    from cim.platform.ingestion.opened import manager_of, quarantine_of, register_of
    from experiments.data.source_pages import line_of, show_quarantine

    _there(folder)
    with quarantine_of(folder) as held, register_of(folder) as register:
        known = {*held.counts(), *(state.name for state in register.states())}
    if source is not None and source not in known:
        raise BadInput(f"--source {source!r} is not known; expected one of {', '.join(sorted(known)) or 'none'}")
    if replay:
        new = 0
        with manager_of(folder) as manager, quarantine_of(folder) as held:
            for name in [name for name in held.counts() if source in {None, name}]:
                taken = manager.replay(name, _now())
                new += taken.readings
                print(line_of(name, taken, ""))
        if new:
            describe_taken(folder, _now())
    with quarantine_of(folder) as held:
        counts = {name: count for name, count in held.counts().items() if source in {None, name}}
        show_quarantine(held.held(source, limit), held.wholes(source), counts)


@app.command()
def fuzz(
    count: Annotated[
        int, typer.Option(min=1, help="How many broken records, and a hundredth as many mapping files.")
    ] = 100_000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same records.")] = 1,
    late: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Instead: N readings, each sent twice, late, some corrected, the store failing."
        ),
    ] = None,
) -> None:
    """Feed broken records and mapping files: each is taken or held with its reason, the rest goes on, nothing crashes."""
    if late is not None:
        from experiments.data.late import late as sent

        judged = sent(late, seed, print)
        print(judged.sentence())
        if judged.wrong:
            raise typer.Exit(1)
        return
    from experiments.data.fuzz import fuzz as fuzzed

    found = fuzzed(count, seed, print)
    print(found.sentence())
    if not found.is_sound:
        raise typer.Exit(1)


def _move(folder: Path, name: str, state: str) -> None:
    from cim.platform.ingestion.opened import register_of

    _there(folder)
    with register_of(folder) as register:
        register.move(name, state)
    print(f"{name}: {state}")


def _there(folder: Path) -> None:
    if not (folder / "data").is_dir():
        raise BadInput(f"{folder} has no data; `iles data add {folder} SOURCE` begins a data folder")


def _now() -> datetime:
    """The commands' run is the real one: its clock is the machine's."""
    return datetime.now(UTC)


def _progress() -> Callable[[str, Taken], None]:
    """Tells every two seconds how far a delivery is."""
    import time

    last = time.monotonic()

    def tell(name: str, taken: Taken) -> None:
        nonlocal last
        if time.monotonic() - last > 2:
            last = time.monotonic()
            print(f"  {name}: {taken.readings + taken.known} readings so far", flush=True)

    return tell


def _forever(manager: IngestionManager, folder: Path) -> None:
    import time

    from cim.platform.ingestion.describing import describe_taken
    from experiments.data.source_pages import line_of

    described, is_new = -_DESCRIBED_EVERY_S, False
    try:
        while True:
            for done in manager.tick(_now()):
                print(f"{_now():%H:%M:%S} {line_of(done.source, done.taken, done.error)}", flush=True)
                is_new = is_new or done.taken.readings > 0
            if is_new and time.monotonic() - described > _DESCRIBED_EVERY_S:
                describe_taken(folder, _now())
                described, is_new = time.monotonic(), False
            time.sleep(1)
    finally:
        if is_new:
            describe_taken(folder, _now())
