"""`iles profiles`: what packs of profiles and weather there are, and packing others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cim.model.errors import BadInput

if TYPE_CHECKING:
    from environment.weather import WeatherYear

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


@app.command()
def weather(
    pack: Annotated[str, typer.Argument(help="A weather pack's name or folder.")] = "nsrdb-malaga-2019",
    issued: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM-DDTHH:MM", help="Show a day's forecast issued then (UTC), and the truth."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the forecast's error.")] = 1,
) -> None:
    """What a weather pack holds; with --issued what a weather service would have told (truth and an assumed error)."""
    from environment.weather import load_weather

    year = load_weather(pack)
    typer.echo(f"{year.name}: {year.count} quarter-hours from {year.first:%Y-%m-%d %H:%M} UTC")
    typer.echo(f"place: {year.latitude_deg:g} N, {year.longitude_deg:g} E")
    sums = (year.ghi_w_m2.sum() / 4000, year.dni_w_m2.sum() / 4000, year.dhi_w_m2.sum() / 4000)
    typer.echo("global {:.0f} kWh/m2, direct normal {:.0f}, diffuse {:.0f}".format(*sums))
    typer.echo(f"temperature {year.temperature_c.min():.1f} to {year.temperature_c.max():.1f} degrees")
    if issued is not None:
        _forecast(year, issued, seed)


def _forecast(year: WeatherYear, issued: str, seed: int) -> None:
    """Twenty-four hours, each with what was told and what came."""
    from datetime import UTC, datetime, timedelta

    from environment.weather.forecast import WeatherService

    try:
        at = datetime.fromisoformat(issued).replace(tzinfo=UTC)
    except ValueError:
        raise BadInput(f"--issued: {issued!r} is no instant; expected for example 2019-08-09T12:00") from None
    service, end = WeatherService(year, seed), at + timedelta(days=1)
    told, true = service.forecast(at, at, end), service.truth(at, end)
    typer.echo("hour (UTC)        light, W/m2  temperature, C   wind, m/s; each told and true")
    for hour in range(24):
        part = slice(4 * hour, 4 * hour + 4)
        light, warmth, wind = (
            tuple(float(getattr(span, name)[part].mean()) for span in (told, true))
            for name in ("ghi_w_m2", "temperature_c", "wind_m_s")
        )
        typer.echo(
            f"{at + timedelta(hours=hour):%Y-%m-%d %H:%M}  {light[0]:5.0f} {light[1]:5.0f}  {warmth[0]:7.1f} {warmth[1]:6.1f}  "
            f"{wind[0]:7.1f} {wind[1]:5.1f}"
        )
