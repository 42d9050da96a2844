"""`iles ledger`: check a ledger, look into it, and prove one of its records to somebody who has only a head."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="ledger", help="Check, show and prove what a ledger holds.", no_args_is_help=True)

LedgerPath = Annotated[Path, typer.Argument(metavar="PATH", help="The ledger's file.")]


@app.command("verify")
def verify_command(
    path: LedgerPath,
    head: Annotated[str | None, typer.Option(help="Digest (hex) of a head that must be among the ledger's.")] = None,
) -> None:
    """Go through the whole ledger; exit code 1 when anything in it is not as it was written."""
    with _one_sentence():
        from market.ledger.verify import verify

        found = verify(path, None if head is None else _digest(head))
    _lines(found.checks)
    last = found.head.hex() if found.head else "none yet"
    typer.secho(
        f"The ledger is sound: {found.records} records ({found.open_records} not in a block yet), "
        f"{found.blocks} blocks, {found.parties} parties, {found.signatures} signatures, "
        f"{found.cosignatures} co-signatures.\nHead: {last}",
        bold=True,
    )


@app.command("show")
def show_command(path: LedgerPath) -> None:
    """What a ledger holds: its meta entries, blocks and kinds of record."""
    with _one_sentence():
        from rich.console import Console
        from rich.table import Table

        from market.ledger.reader import LedgerReader

        with LedgerReader(path) as ledger:
            summary, meta, heads = ledger.summary(), ledger.meta(), ledger.heads()
            signers = {head.number: ledger.cosignatures(head.number) for head in heads}
    console = Console(highlight=False)
    for name, value in meta.items():
        console.print(f"{name}: {value}", markup=False)
    kinds = ", ".join(f"{count} {kind}" for kind, count in summary.kinds) or "none"
    console.print(
        f"{summary.parties} parties; records: {kinds}; {summary.open_records} not in a block yet", markup=False
    )
    table = Table("block", "period start (UTC)", "period end (UTC)", "records", "co-signed by", "head")
    for head in heads:
        parties = [signature.party for signature in signers[head.number]]
        named = ", ".join(parties[:3]) + (f" and {len(parties) - 3} more" if len(parties) > 3 else "")
        start, end = (instant.strftime("%Y-%m-%d %H:%M") for instant in (head.period_start, head.period_end))
        table.add_row(str(head.number), start, end, str(head.count), named, head.digest.hex()[:16])
    console.print(table)


@app.command("prove")
def prove_command(
    path: LedgerPath,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="The record's kind, for example contract.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The record's key.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the proof here.")] = None,
) -> None:
    """Make the proof that one record stands in the ledger, as JSON that is checked without the ledger."""
    with _one_sentence():
        from market.ledger.proofs import prove

        text = prove(path, kind, key).to_json()
        if output is None:
            typer.echo(text)
        else:
            output.write_text(text + "\n")
            typer.echo(f"The proof of {kind} {key} is in {output}.")


@app.command("check")
def check_command(
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="The proof's JSON file.")],
    head: Annotated[str, typer.Argument(metavar="HEAD", help="Digest (hex) of the head you hold.")],
) -> None:
    """Check a proof against a head you hold; needs no ledger."""
    with _one_sentence():
        from market.ledger.proofs import Proof, check_proof

        checks = check_proof(Proof.from_json(proof.read_text()), _digest(head))
    _lines(checks)
    typer.secho("The proof is sound.", bold=True)


def _lines(checks: tuple[str, ...]) -> None:
    for line in checks:
        typer.echo(f"{typer.style('ok', fg='green')}  {line}")


def _digest(text: str) -> bytes:
    from cim.model.errors import BadInput

    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != 32:
        raise BadInput(f"head: {text!r} is not a digest; expected 64 hexadecimal digits")
    return value


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Broken: exit 1; bad input: exit 2; one sentence either way, never a traceback."""
    from cim.model.errors import BadInput
    from market.ledger.errors import LedgerBroken

    try:
        yield
    except LedgerBroken as error:
        typer.secho(f"The ledger is broken: {error}", err=True, fg="red")
        raise typer.Exit(1) from error
    except BadInput as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(2) from error
    except (OSError, UnicodeDecodeError) as error:
        typer.secho(f"file: it cannot be read or written ({error})", err=True, fg="red")
        raise typer.Exit(2) from error
