"""`iles profiles`: what profile packs there are, and packing another SimBench grid."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Grids and profiles that sites stand on.")


@app.command("import")
def import_(
    code: Annotated[str, typer.Argument(help="A SimBench code, for example 1-LV-rural2--2-no_sw.")],
    out: Annotated[Path, typer.Argument(help="Folder to write grid, profiles, licence and attribution to.")],
) -> None:
    """Pack a SimBench grid with its year of profiles (needs the extra: pip install 'iles[simbench]')."""
    from environment.profiles.simbench_import import import_grid

    import_grid(code, out)
    typer.echo(f"{code}: packed into {out}")


@app.command()
def climate(
    pack: Annotated[str, typer.Argument(help="A pack's name or folder: of its grid and what its people do.")],
    weather: Annotated[str, typer.Argument(help="A weather pack's name or folder, for example nsrdb-malaga-2019.")],
    out: Annotated[Path, typer.Argument(help="Folder to write grid, profiles, licence and attribution to.")],
    timezone: Annotated[str, typer.Option(help="Of the place's local time (IANA).")] = "Europe/Madrid",
) -> None:
    """A pack for another climate: PV, heating and cooling by a weather year, people's habits dated anew (assumed).

    El Realengo's was made so: `iles profiles import 1-LV-rural2--2-no_sw DIR`, then
    `iles profiles climate DIR nsrdb-malaga-2019 OUT`. `python -m environment.weather.nsrdb_import` packs weather.
    """
    from environment.profiles.climate_import import import_climate

    import_climate(pack, weather, timezone, out)
    typer.echo(f"{pack} under {weather}: packed into {out}")


@app.command()
def show(pack: Annotated[str, typer.Argument(help="A pack's name.")] = "simbench-rural1") -> None:
    """What a pack covers and which columns it has."""
    from environment.profiles.library import load

    profiles = load(pack)
    typer.echo(f"{profiles.name}: {profiles.first:%Y-%m-%d %H:%M} to {profiles.last:%Y-%m-%d %H:%M} UTC")
    for column in profiles.columns:
        typer.echo(f"  {column}")
