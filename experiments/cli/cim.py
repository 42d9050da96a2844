"""`iles cim`: a site as CIM RDF/XML for others, and grids of others as sites."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from cim.model.cgmes import Cgmes
from cim.model.errors import BadInput
from experiments.cli.sites import SITE_HELP

app = typer.Typer(
    no_args_is_help=True,
    help="The Common Information Model (IEC 61970, 61968): sites out, grids in.\n\n"
    "`iles cim export strem --out strem.xml`, then `iles cim show strem.xml`; docs/cim.md lists classes and mappings.",
)


@app.command()
def export(
    site: Annotated[str, typer.Argument(help=SITE_HELP)],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The CIM RDF/XML file to write.")],
    cgmes: Annotated[
        Cgmes, typer.Option(help="3.0 has converters, batteries and meters; 2.4.15 is what older tools read.")
    ] = Cgmes.V3_0,
) -> None:
    """Write a site's grid, its low-voltage grid included, and all that is connected to it, as one CIM RDF/XML file."""
    from environment.cim_grid.site_out import site_document
    from environment.sites import load_site

    document = site_document(load_site(site), cgmes)
    try:
        out.write_bytes(document)
    except OSError as error:
        raise BadInput(f"--out: {str(out)!r} cannot be written ({error.strerror})") from error
    typer.echo(f"{out}: {len(document):,} bytes, CGMES {cgmes.value}")


@app.command()
def show(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="The files of one model (EQ, SSH, TP, SV).")],
) -> None:
    """What a CIM model holds, and the power flow of its grid beside the file's own (SV) where it has one."""
    import numpy as np

    from cim.codec.rdf.reading import read_rdf
    from environment.cim_grid.grid_in import grid_of
    from environment.feeder import Feeder

    model = read_rdf(_contents(files))
    for kind, count in sorted(Counter(type(item).__name__ for item in model.objects.values()).items()):
        typer.echo(f"  {count:6} {kind}")
    for kind, count in sorted(model.left_out.items()):
        typer.echo(f"  {count:6} {kind} (left out)")
    grid = grid_of(model)
    p_w, q_var = (np.array([row]) for row in grid.totals())
    flow = Feeder(grid.network).flow(p_w, q_var)
    typer.echo(
        f"\n{len(grid.network.nodes)} nodes, {len(grid.network.branch_names)} branches, {p_w.sum() / 1e3:,.1f} kW drawn"
    )
    typer.echo("  node                 voltage/p.u.   in the file")
    for name, volts in zip(flow.node_names, flow.voltage_pu[0], strict=True):
        there = f"{grid.voltage_pu[name]:13.6f}" if name in grid.voltage_pu else "            -"
        typer.echo(f"  {name[:20]:20} {volts:13.6f} {there}")
    for name in grid.unreached:
        typer.echo(f"  {name[:20]:20} not joined with the source: left out")


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="The files of one model (EQ, SSH, TP, SV).")],
    out: Annotated[Path, typer.Option(metavar="SITE.yaml", help="The site file to write; its name names the site.")],
    homes: Annotated[
        int, typer.Option(min=0, max=10_000, help="Homes with PV, battery and heat pump to add; all assumed.")
    ] = 12,
) -> None:
    """Make a site file that runs of a CIM grid: `iles run SITE.yaml`. What the files do not say is assumed and marked so."""
    from cim.codec.rdf.reading import read_rdf
    from environment.cim_grid.site_in import site_from_cim

    model = read_rdf(_contents(files))
    names = ", ".join(path.name for path in files)
    site, text, grid = site_from_cim(model, out.stem, names, homes)
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"--out: {str(out)!r} cannot be written ({error.strerror})") from error
    typer.echo(
        f"{out}: {len(grid.network.nodes)} nodes, {len(grid.network.branch_names)} branches, "
        f"{len(site.prosumers)} connections, {len(site.congestion_points)} congestion points"
    )
    for kind, items in (
        ("current limit assumed", grid.assumed_ratings),
        ("not joined with the source", grid.unreached),
    ):
        if items:
            typer.echo(f"  {kind}: {', '.join(sorted(items)[:8])}{' ...' if len(items) > 8 else ''}")


def _contents(files: list[Path]) -> dict[str, bytes]:
    """The files' contents by their names."""
    from cim.codec.rdf.reading import LARGEST_FILE

    found = {}
    for path in files:
        try:
            if path.stat().st_size > LARGEST_FILE:
                raise BadInput(f"CIM file {path.name}: is larger than {LARGEST_FILE:,} bytes")
            found[str(path)] = path.read_bytes()
        except OSError as error:
            raise BadInput(f"CIM file {str(path)!r}: cannot be read ({error.strerror})") from error
    return found
