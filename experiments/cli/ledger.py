"""`iles ledger`: check a ledger, look into it, and prove to somebody who has only a head what stands in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from market.ledger.proofs import Proof

app = typer.Typer(
    name="ledger",
    no_args_is_help=True,
    help="Check, show and prove what a ledger holds.\n\n"
    "A run leaves its ledger in OUT/ledger.db. `verify` goes through all of it. Whoever has no ledger keeps a HEAD, 64 "
    "hexadecimal digits that stand for everything recorded up to a day (`show` lists them, the market's parties co-sign "
    "them); `prove` writes what such a person needs, `check` checks it without the ledger, and so does "
    "docs/check_proof.py, which is 30 lines of Python.",
)

LedgerPath = Annotated[Path, typer.Argument(metavar="PATH", help="The ledger's file.")]
Kind = Annotated[str | None, typer.Argument(metavar="[KIND]", help="The record's kind, for example contract.")]
Key = Annotated[str | None, typer.Argument(metavar="[KEY]", help="The record's key.")]
MemberName = Annotated[str | None, typer.Option("--member", metavar="DOMAIN", help="All that concerns this party.")]
Day = Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Of --member: only what bears this day.")]


@app.command("verify")
def verify_command(
    path: LedgerPath,
    head: Annotated[str | None, typer.Option(help="Digest (hex) of a head that must be among the ledger's.")] = None,
) -> None:
    """Go through the whole ledger; exit code 1 when anything in it is not as it was written.

    Every signature is checked, every hash made anew. Only with --HEAD is a ledger found out whose last days were cut off,
    or written anew by all its parties together: keep the heads you have seen.
    """
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
def show_command(path: LedgerPath, member: MemberName = None, day: Day = None) -> None:
    """What a ledger holds: its meta entries, blocks with their heads, and kinds of record.

    With --member: the records that concern a party, with the KIND and KEY that `prove` takes.
    """
    with _one_sentence():
        from experiments.cli import ledger_views

        if member is not None:
            ledger_views.show_member(path, member, _day(day))
        else:
            ledger_views.show(path)


@app.command("prove")
def prove_command(
    path: LedgerPath,
    kind: Kind = None,
    key: Key = None,
    *,
    member: MemberName = None,
    day: Day = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="HEAD", help="Prove that all up to this older head still stands.")
    ] = None,
    head: Annotated[
        str | None, typer.Option("--head", metavar="HEAD", help="The head you hold, if it is not the last one.")
    ] = None,
    hide: Annotated[
        bool, typer.Option("--hide", help="Leave out bodies and salts: that it stands, not what it says.")
    ] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the proof here.")] = None,
) -> None:
    """Make a proof, as JSON that is checked without the ledger.

    \b
    That a record stands in it:     iles ledger prove PATH KIND KEY
    That a member's money does:     iles ledger prove PATH --member home-01.strem.example --day 2016-05-20
    That nothing was rewritten:     iles ledger prove PATH --since HEAD

    What says something of a person is in the ledger as a salted hash; salt and body are in the proof, for whom you give it
    to, unless you --hide them.
    """
    with _one_sentence():
        from market.ledger.proofs import to_json

        proofs, what = _proofs(path, (kind, key), member, _day(day), since, head, shown=not hide)
        text = to_json(proofs)
        if output is None:
            typer.echo(text)
        else:
            output.write_text(text + "\n")
            typer.echo(f"The proof of {what} is in {output}.")


@app.command("erase")
def erase_command(
    path: LedgerPath,
    member: Annotated[str, typer.Option("--member", metavar="DOMAIN", help="Whose personal data is to go.")],
    before: Annotated[
        str | None, typer.Option("--before", metavar="YYYY-MM-DD", help="Only records made before this day (UTC).")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase, for good, the bodies and salts of all salted records that concern a member.

    What was hashed and signed stays: every head and every proof holds on, but nobody can tell from the ledger any more what
    these records said. Copies elsewhere (proofs given away, the parties' own) are not reached. Days that are not settled yet
    are settled without them if everything else is lost too, so keep to --before.
    """
    with _one_sentence():
        from experiments.cli.ledger_views import concerning
        from market.ledger.store import LedgerStore

        limit = _day(before)
        found = [
            (record.kind, record.key)
            for record in concerning(path, member)
            if record.is_salted and not record.is_erased and (limit is None or record.at.date() < limit)
        ]
        if not yes and found:
            typer.confirm(f"Erase the bodies of {len(found)} records that concern {member}?", abort=True)
        with LedgerStore(path) as ledger:
            erased = ledger.erase(found)
        typer.echo(f"The bodies of {erased} records that concern {member} are erased; all proofs hold on.")


@app.command("check")
def check_command(
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="The proof's JSON file.")],
    head: Annotated[str, typer.Argument(metavar="HEAD", help="Digest (hex) of the head you hold.")],
    element: Annotated[
        str | None,
        typer.Option(
            "--element", metavar="NAME", help="Also print what the proven records say of this element, ISP by ISP."
        ),
    ] = None,
) -> None:
    """Check a proof against a head you hold; needs no ledger and no network. Exit code 1 when it does not hold.

    A proof made with --since takes the older head, and tells the newer one, which you can hold from then on. With --element
    a member sees the baselines and splits of one of its devices that its money stands on:

    \b
    iles ledger prove PATH --member home-01.strem.example --day 2016-05-20 -o proof.json
    iles ledger check proof.json HEAD --element home-01.battery
    """
    with _one_sentence():
        from market.ledger.checking import check_consistency, check_inclusion
        from market.ledger.proof_reading import from_json
        from market.ledger.proofs import InclusionProof

        digest, found, records = _digest(head), None, []
        proofs = from_json(proof.read_text())
        for one in proofs:
            found = check_inclusion(one, digest) if isinstance(one, InclusionProof) else check_consistency(one, digest)
            records += [] if found.record is None else [found.record]
            _lines(found.checks)
        if element is not None:
            from experiments.cli.ledger_views import show_element

            show_element(records, element)
    typer.secho("The proof is sound." if len(proofs) == 1 else f"All {len(proofs)} proofs are sound.", bold=True)
    if found is not None and found.record is None:
        typer.echo(f"Newer head: {found.head.digest.hex()}")


@app.command("fuzz")
def fuzz_command(
    count: Annotated[int, typer.Option(min=1, help="How many attempts; 100000 take about a minute.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same attempts.")] = 1,
) -> None:
    """Change proofs, heads, records and messages at random: each must be refused with a reason. Exit code 1 otherwise."""
    from experiments.faults.ledger_fuzz import fuzz

    found = fuzz(count, seed)
    for words, times in found.refused.most_common(10):
        typer.echo(f"{times:>8}  {words} ...")
    for line in found.wrong[:20]:
        typer.secho(line, err=True, fg="red")
    refused = found.refused.total()
    typer.secho(
        f"{found.attempts} attempts: {refused} refused, {found.harmless} changed nothing that is said, "
        f"{len(found.wrong)} taken or crashed.",
        bold=True,
    )
    if found.wrong:
        raise typer.Exit(1)


def _proofs(
    path: Path,
    name: tuple[str | None, str | None],
    member: str | None,
    day: date | None,
    since: str | None,
    head: str | None,
    *,
    shown: bool,
) -> tuple[tuple[Proof, ...], str]:
    """The proofs that are wanted, and words for them."""
    from cim.model.errors import BadInput
    from experiments.cli.ledger_views import concerning
    from market.ledger.prover import Prover

    kind, key = name
    if sum((kind is not None, member is not None, since is not None)) != 1 or (kind is None) != (key is None):
        raise BadInput("prove: expected either KIND and KEY, or --member, or --since")
    under = None if head is None else _digest(head)
    with Prover(path) as prover:
        if since is not None:
            return (prover.consistency(_digest(since), under),), f"all up to the head {since[:16]}"
        if kind is not None and key is not None:
            return (prover.inclusion(kind, key, under, shown),), f"{kind} {key}"
        names = [(record.kind, record.key) for record in concerning(path, member or "", day, closed=True)]
        if not names:
            raise BadInput(f"member: no record in a block concerns {member}{f' on {day}' if day else ''}")
        found = tuple(prover.inclusion(*one, under, shown) for one in names)
    return found, f"{len(found)} records that concern {member}"


def _lines(checks: tuple[str, ...]) -> None:
    for line in checks:
        typer.echo(f"{typer.style('ok', fg='green')}  {line}")


def _day(text: str | None) -> date | None:
    from cim.model.errors import BadInput

    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"day: {text!r} is no date; expected YYYY-MM-DD") from error


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
