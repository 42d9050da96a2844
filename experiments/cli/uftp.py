"""`iles uftp`: keys and files of parties, and their signed messages sent and taken by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="uftp", help="UFTP (Shapeshifter 3.1.0): speak with parties elsewhere.", no_args_is_help=True)

Parties = Annotated[Path, typer.Argument(metavar="FILE", help="The parties here and elsewhere (YAML); see the README.")]
Folder = Annotated[Path, typer.Option(help="Keeps what was said (`uftp.db`), so that a restart forgets nothing.")]


@app.command("key")
def key_command(path: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key goes; new.")]) -> None:
    """Make a party's private key; prints its public key, as the other side's file wants it."""
    import base64

    from pilot.uftp.parties import write_key

    typer.echo(base64.b64encode(write_key(path)).decode())


@app.command("check")
def check_command(path: Parties) -> None:
    """Check a file of parties; every fault is told."""
    from pilot.uftp.parties import load_parties

    parties = load_parties(path)
    for party in parties.ours:
        typer.echo(f"here: {party.name} is {party.domain} as {party.role}")
    for peer in parties.peers:
        points = "all congestion points" if peer.points is None else ", ".join(sorted(peer.points))
        typer.echo(f"elsewhere: {peer.name} is {peer.domain} as {peer.role} at {peer.url}; {points}")


@app.command("serve")
def serve_command(
    path: Parties,
    folder: Folder = Path("out/uftp"),
    seconds: Annotated[float | None, typer.Option(min=0, help="End after so long; otherwise by Ctrl-C.")] = None,
) -> None:
    """Take messages and accept each that the rules let through; prints what comes. The file needs its section `market`."""
    from pilot.uftp.by_hand import serve_by_hand

    serve_by_hand(path, folder, seconds, typer.echo)


@app.command("send")
def send_command(
    path: Parties,
    to: Annotated[str, typer.Option(help="The peer's name.")],
    message: Annotated[
        Path | None,
        typer.Option(metavar="XML", help="A message's XML; a TestMessage otherwise. It gets a new MessageID."),
    ] = None,
    folder: Folder = Path("out/uftp"),
    seconds: Annotated[float, typer.Option(min=0, help="How long to wait for the answer.")] = 30.0,
) -> None:
    """Send a message and print its answer, which comes to the route that listens meanwhile. The file needs `market`."""
    from pilot.uftp.by_hand import send_by_hand

    if not send_by_hand(path, to, message, folder, seconds, typer.echo):
        raise typer.Exit(1)


@app.command("show")
def show_command(folder: Annotated[Path, typer.Argument(help="A folder with `uftp.db`.")]) -> None:
    """How many messages came, were rejected, wait, were delivered and failed."""
    from cim.model.errors import BadInput
    from pilot.uftp.message_log import MessageLog

    if not (folder / "uftp.db").exists():
        raise BadInput(f"folder: {folder} has no uftp.db; expected where `iles up --uftp` or `iles uftp` kept it")
    log = MessageLog(folder / "uftp.db")
    for what, count in log.counts().items():
        typer.echo(f"{what}: {count}")
    log.close()


@app.command("fuzz")
def fuzz_command(
    count: Annotated[
        int, typer.Argument(min=1, help="How many broken messages; 10000 take about ten seconds.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same messages.")] = 1,
) -> None:
    """Break signed messages at random (wrapper, seal, XML): each must be refused by its reason. Exit code 1 otherwise."""
    import logging

    import structlog
    from rich.console import Console
    from rich.progress import Progress

    from experiments.faults.uftp_fuzz import fuzz

    # Each refusal is a warning to who runs a site; here they are counted.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("broken messages", total=count)
            found = fuzz(count, seed, lambda done: progress.update(task, completed=done))
    finally:
        structlog.reset_defaults()
    for words, times in found.refused.most_common(15):
        typer.echo(f"{times:>8}  {words}")
    for line in found.wrong[:20]:
        typer.secho(line, err=True, fg="red")
    refused = found.refused.total()
    typer.secho(
        f"{found.attempts} messages: {refused} refused, {found.taken} good all the same, {len(found.wrong)} wrong.",
        bold=True,
    )
    if found.wrong:
        raise typer.Exit(1)
