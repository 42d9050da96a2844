"""`iles faults`: faults are injected, and what must hold is checked after every run."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from experiments.faults.campaign import Verdict
    from experiments.run.settings import RunSettings


class Where(StrEnum):
    """The runtime that faults are injected into."""

    LOCAL = "local"
    RAY = "ray"


_ONLY = {
    Where.LOCAL: {"seeds": "--seeds", "break_": "--break"},
    Where.RAY: {
        "kills": "--kills",
        "agents_per_actor": "--agents-per-actor",
        "journal_kills": "--journal-kills",
        "emptied": "--emptied",
        "nodes": "--nodes",
        "site": "--site",
    },
}


def faults(
    context: typer.Context,
    runtime: Annotated[
        Where | None,
        typer.Option(
            help="`local`: thousands of small markets; `ray`: a site whose actors are killed.",
            show_default="local with --seeds or --break, else ray",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="local: how many seeds, from 1 on.")] = 1000,
    seed: Annotated[
        int | None, typer.Option(min=0, help="local: run this seed alone; ray: what draws the kills.")
    ] = None,
    break_: Annotated[
        str | None, typer.Option("--break", metavar="NAME", help="Plant a known bug; `list` names them.")
    ] = None,
    kills: Annotated[int, typer.Option(min=0, help="ray: how many SIGKILLs.")] = 200,
    agents_per_actor: Annotated[int, typer.Option(min=1, max=10_000, help="ray: agents in one actor.")] = 4,
    journal_kills: Annotated[int, typer.Option(min=0, help="ray: how often the journal's server is killed.")] = 0,
    emptied: Annotated[int, typer.Option(min=0, help="ray: how often the journal is emptied.")] = 0,
    nodes: Annotated[
        int | None,
        typer.Option(min=2, help="ray: instead of kills, so many Ray nodes on this machine, and one of them is lost."),
    ] = None,
    site: Annotated[str, typer.Option(help="ray: whose day, as `iles run` takes it: a name or a site file.")] = "strem",
    portal: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Instead of all that: N calls of each route of the portal, drawn from its OpenAPI."
        ),
    ] = None,
    wire: Annotated[
        bool,
        typer.Option(
            "--wire",
            help="Instead of all that: fuzzed frames, impersonations, overlapping reconnects, controllers killed at any "
            "request, meters that die.",
        ),
    ] = False,
    frames: Annotated[int, typer.Option(min=1, help="wire: how many fuzzed frames of each protocol.")] = 100_000,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
) -> None:
    """Drop, duplicate, reorder and delay messages, crash hosts, let clocks jump; then check every invariant.

    Exit code 1 when one fails. A failing seed is printed with the command that runs it again.
    """
    # One thread per solver: the workers already share the cores.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    if break_ == "list":
        _list_breaks()
        return
    if portal is not None:
        _calling(portal, 1 if seed is None else seed, json_)
        return
    if wire:
        _spoiling(frames, 1 if seed is None else seed, json_)
        return
    runtime = _where(runtime, {name for name in context.params if _given(context, name)})
    if runtime is Where.RAY and nodes is not None:
        _losing_a_node(nodes, 1 if seed is None else seed, site, agents_per_actor, json_)
        return
    if runtime is Where.RAY:
        _killing((kills, journal_kills, emptied), 1 if seed is None else seed, site, agents_per_actor, json_)
        return
    chosen = list(range(1, seeds + 1)) if seed is None else [seed]
    begun = time.perf_counter()
    verdicts = _judged(chosen, break_)
    figures = _figures(verdicts, time.perf_counter() - begun)
    _tell(figures, verdicts, break_, json_)
    if figures["failed"]:
        raise typer.Exit(1)


def _calling(examples: int, seed: int, json_: bool) -> None:
    """The portal called by everybody with all that its schema allows, and more."""
    from experiments.faults.portal_fuzz import fuzz_in_a_folder

    report = fuzz_in_a_folder(examples, seed)
    if json_:
        typer.echo(json.dumps(asdict(report)))
    else:
        answers = ", ".join(f"{count} times {status}" for status, count in sorted(report.statuses.items()))
        calls = f"{report.calls.total()} calls of {len(report.calls)} operations in {report.seconds:.0f} s"
        typer.echo(f"{calls}: {answers}; {len(report.failures)} failed")
        for operation, sentence in report.failures.items():
            typer.echo(f"{operation}: {sentence}", err=True)
    if report.failures:
        raise typer.Exit(1)


def _spoiling(frames: int, seed: int, json_: bool) -> None:
    """Peers that send nonsense, come under another's name, or twice at once; controllers and meters that die."""
    from experiments.faults.wire import wire_faults

    report = wire_faults(frames, 500, 200, seed, lambda what: None if json_ else typer.echo(what, err=True))
    if json_:
        typer.echo(json.dumps(asdict(report)))
    else:
        tried = ", ".join(f"{count} {what}" for what, count in report.tried.items())
        slowest = "".join(f"; {what} after {seconds:.1f} s at most" for what, seconds in report.slowest_s.items())
        typer.echo(f"{tried}{slowest}; {len(report.failures)} failed")
        for sentence in report.failures[:20]:
            typer.echo(sentence, err=True)
    if report.failures:
        raise typer.Exit(1)


def _given(context: typer.Context, name: str) -> bool:
    return getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"


def _where(asked: Where | None, given: set[str]) -> Where:
    """The runtime asked for, else that of the options given; an option of the other one is an error.

    Raises:
        BadInput: an option of the other runtime was given.
    """
    from cim.model.errors import BadInput

    runtime = asked or (Where.LOCAL if given & set(_ONLY[Where.LOCAL]) else Where.RAY)
    other = Where.RAY if runtime is Where.LOCAL else Where.LOCAL
    for name, option in _ONLY[other].items():
        if name in given:
            why = f"with --runtime {runtime}" if asked else f"beside {_first(_ONLY[runtime], given)}"
            raise BadInput(f"faults: {option} belongs to the {other} runtime; expected it not {why}")
    return runtime


def _first(options: dict[str, str], given: set[str]) -> str:
    return next(option for name, option in options.items() if name in given)


def _killing(counts: tuple[int, int, int], seed: int, site: str, agents_per_actor: int, json_: bool) -> None:
    """A day of a site on Ray with processes killed all through it."""
    from agents.runtime.ray.start import stop_ray
    from experiments.faults.process_kills import Failures, run

    with _quietly(seed, site, agents_per_actor) as (settings, say):
        came = run(settings, Failures(*counts), say)
        stop_ray()
    if json_:
        typer.echo(json.dumps({**asdict(came), "faults": came.faults}))
    else:
        points = ", ".join(f"{count} {point}" for point, count in sorted(came.points.items()))
        died = f"{came.killed} killed ({points})" if came.killed else "0 killed"
        server = f", the journal's server killed {came.journal_killed} times and emptied {came.emptied} times"
        typer.echo(
            f"{died}{server if came.journal_killed or came.emptied else ''}: {len(came.lost)} lost, "
            f"{len(came.doubled)} doubled; back within {came.slowest_s:.1f} s"
        )
        for sentence in came.faults:
            typer.echo(f"  {sentence}")
    if came.faults:
        raise typer.Exit(1)


def _losing_a_node(count: int, seed: int, site: str, agents_per_actor: int, json_: bool) -> None:
    """A day of a site on several Ray nodes, one of which is killed while orders are delivered."""
    from experiments.faults.node_loss import run

    with _quietly(seed, site, agents_per_actor) as (settings, say):
        came = run(settings, count, say)
    if json_:
        typer.echo(json.dumps({**asdict(came), "slowest_s": came.slowest_s, "faults": came.faults}, default=str))
    else:
        delivering = sum(moved.delivering for moved in came.moved)
        back = sum(moved.to is not None for moved in came.moved)
        placed = ", ".join(f"{agents} on node {number}" for number, agents in enumerate(came.nodes, start=1))
        when = f"{came.at:%Y-%m-%d %H:%M} UTC" if came.at else "no instant"
        typer.echo(
            f"{placed}; node {came.killed} killed at {when}, while the orders of {came.isp:%H:%M} were delivered"
        )
        for moved in came.moved:
            where = "not back" if moved.to is None else f"on node {moved.to} after {moved.away_s:.1f} s"
            typer.echo(f"  {moved.agent:24} {where}{', delivering' if moved.delivering else ''}")
        typer.echo(
            f"{back} of {len(came.moved)} agents back ({delivering} were delivering), noticed after "
            f"{came.noticed_s:.1f} s, all back within {came.slowest_s:.1f} s; {len(came.lost)} lost, "
            f"{len(came.doubled)} doubled; ledger {came.heads[1][:16]}, undisturbed {came.heads[0][:16]}"
        )
        for sentence in came.faults:
            typer.echo(f"  {sentence}")
    if came.faults:
        raise typer.Exit(1)


@contextmanager
def _quietly(seed: int, site: str, agents_per_actor: int) -> Iterator[tuple[RunSettings, Callable[[object], None]]]:
    """A folder for a run, and where it may say what it is doing."""
    from rich.console import Console

    from experiments.run.settings import RunSettings

    status = Console(stderr=True).status("starting")
    # Ray tells of each process that dies on stdout, where only the outcome belongs.
    with tempfile.TemporaryDirectory(prefix="iles-faults-") as folder, redirect_stdout(sys.stderr), status:
        settings = RunSettings(site, None, 1, seed, "ray", "tcp", agents_per_actor, Path(folder))
        yield settings, lambda what: status.update(str(what))


def _list_breaks() -> None:
    from experiments.faults.mutations import MUTATIONS

    for name, known in MUTATIONS.items():
        typer.echo(f"{name:20} {known.about} (caught by {', '.join(known.caught_by)})")


def _judged(seeds: list[int], break_: str | None) -> list[Verdict]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from experiments.faults.campaign import campaign
    from experiments.faults.mutations import planted

    if break_ is not None:
        planted(break_)  # a name that is wrong is told before anything starts
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("seeds", total=len(seeds))
        return sorted(campaign(seeds, break_, lambda done: bar.advance(task, done)), key=lambda verdict: verdict.seed)


def _figures(verdicts: list[Verdict], seconds: float) -> dict[str, Any]:
    from experiments.faults.campaign import LEAST_FAULTS, LEAST_MESSAGES

    kinds: Counter[str] = Counter()
    for verdict in verdicts:
        kinds.update(verdict.faults)
    quiet = [v.seed for v in verdicts if v.messages < LEAST_MESSAGES or sum(v.faults.values()) < LEAST_FAULTS]
    return {
        "seeds": len(verdicts),
        "failed": [verdict.seed for verdict in verdicts if verdict.violations],
        "quiet": quiet,
        "messages": {"least": min(v.messages for v in verdicts), "all": sum(v.messages for v in verdicts)},
        "faults": {"least": min(sum(v.faults.values()) for v in verdicts), "all": dict(sorted(kinds.items()))},
        "with_orders": sum(v.orders > 0 for v in verdicts),
        "seconds": round(seconds, 1),
        "violations": {str(v.seed): list(v.violations) for v in verdicts if v.violations},
    }


def _tell(figures: dict[str, Any], verdicts: list[Verdict], break_: str | None, json_: bool) -> None:
    if json_:
        typer.echo(json.dumps(figures))
        return
    suffix = "" if break_ is None else f" --break {break_}"
    for verdict in verdicts:
        if verdict.violations:
            typer.echo(f"seed {verdict.seed}: {len(verdict.violations)} violations; replay: {verdict.replay}{suffix}")
            for sentence in verdict.violations:
                typer.echo(f"  {sentence}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in figures["faults"]["all"].items())
    typer.echo(
        f"{figures['seeds']} seeds, {figures['messages']['all']} messages, {kinds or 'no faults'}: "
        f"{len(figures['failed'])} failed; {figures['with_orders']} with orders; {figures['seconds']} s"
    )
