"""`iles data search | access | consent | audit | erase`: what a party finds and sees of a folder's data, and what it allows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cim.model.errors import BadInput

if TYPE_CHECKING:
    from cim.platform.access.consents import Purpose as PurposeWord
    from portal.data import DataSite

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A run's or a site's folder.")]
Party = Annotated[
    str, typer.Option("--as", metavar="PARTY", help="Whose eyes: a party's name or domain, or `operator`.")
]
Purpose = Annotated[str, typer.Option(help="What for: operation, research or advice.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]

consents = typer.Typer(
    no_args_is_help=True,
    help="Consents that a prosumer gives and withdraws; each holds from the next request on.\n\n"
    "For example: iles data consent give DIR --as farm-1 --to lab --purpose research --scope devices",
)


def add_to(app: typer.Typer) -> None:
    """Add them to `iles data`."""
    app.command()(search)
    app.command()(access)
    app.command()(ask)
    app.command()(audit)
    app.command()(erase)
    app.add_typer(consents, name="consent")


def search(
    folder: Folder,
    words: Annotated[
        list[str] | None, typer.Argument(help="All must occur; one that ends with * is the beginning of one.")
    ] = None,
    party: Party = "operator",
    field: Annotated[
        list[str] | None, typer.Option("--in", metavar="FIELD:WORD", help="kind, place, device, owner or quality.")
    ] = None,
    begin: Annotated[str | None, typer.Option("--from", metavar="INSTANT", help="With its offset.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="INSTANT", help="With its offset.")] = None,
    hits: Annotated[int, typer.Option(min=1, max=200)] = 20,
    purpose: Purpose = "operation",
    as_json: Json = False,
) -> None:
    """Find datasets, assets, contracts and configurations; only what PARTY may know of is found and counted."""
    from dataclasses import asdict

    from rich.table import Table

    from cim.platform.search.document import Search
    from experiments.data.tables import screen

    wanted = dict(_pair(one) for one in field or [])
    asked = Search(" ".join(words or []), wanted, _instant("from", begin), _instant("to", end), hits)
    found = _site(folder).search(party, asked, _purpose(purpose))
    if as_json:
        print(json.dumps(asdict(found), default=str, indent=1))
        return
    table = Table("kind", "what", "place", "device", "owner", "quality", "from (UTC)", "to (UTC)")
    for hit in found.hits:
        days = [f"{at:%Y-%m-%d %H:%M}" if at else "" for at in (hit.begin, hit.end)]
        table.add_row(hit.kind, hit.title, hit.place, hit.device, hit.owner, hit.quality, *days)
    console = screen()
    console.print(table)
    console.print(f"{len(found.hits)} of {found.count} found")
    for name, counts in found.facets.items():
        if counts:
            console.print(f"  {name}: " + ", ".join(f"{word} {count}" for word, count in counts.items()))


def access(folder: Folder, party: Party = "operator", purpose: Purpose = "operation", as_json: Json = False) -> None:
    """What PARTY may see of the readings, and by which policies."""
    sight = _site(folder).sight(party, "readings", _purpose(purpose))
    if as_json:
        print(json.dumps(sight, indent=1))
        return
    print(f"{sight['principal']}, {sight['role']}, for {sight['purpose']}")
    if sight["denied"]:
        print(f"sees nothing: {sight['denied']}")
        return
    policies, attributes = sight["policies"], sight["attributes"]
    for one in policies if isinstance(policies, list) else []:
        if isinstance(one, dict):
            print(f"  {one['name']}: {one['says']}")
    print("attributes: " + ", ".join(str(one) for one in attributes) if isinstance(attributes, list) else "")
    print(f"rows where: {sight['rows']}")
    for name, value in sight["values"].items() if isinstance(sight["values"], dict) else ():
        print(f"  ${name} = {value}")
    if sight["pseudonyms"]:
        print(f"names are pseudonyms; groups of {sight['minimum_homes']} homes or more")


def ask(
    folder: Folder,
    definition: Annotated[Path, typer.Argument(metavar="QUERY", help="A query definition (JSON).")],
    party: Party = "operator",
    value: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter.")] = None,
    purpose: Annotated[str | None, typer.Option(help="What for; the query's own otherwise.")] = None,
    rows: Annotated[int, typer.Option(min=1, max=10_000)] = 40,
    form: Annotated[str, typer.Option("--format", help="json, csv or arrow.")] = "csv",
) -> None:
    """Answer a query, defined as data, as PARTY: the same as its endpoint, `/data/q/NAME`, would."""
    import sys

    from cim.platform.provisioning.definition import Value, read_definition
    from cim.platform.provisioning.formats import Format, written
    from cim.platform.provisioning.provision import Page

    if form not in list(Format):
        raise BadInput(f"--format {form!r}; expected one of {', '.join(Format)}")
    try:
        query = read_definition(definition.read_bytes())
    except OSError as error:
        raise BadInput(f"query: {definition} cannot be read ({error.strerror}); expected a JSON file") from None
    given: dict[str, Value] = dict(_pair(one, "=") for one in value or [])
    why = None if purpose is None else _purpose(purpose).value
    answer = _site(folder).provision.ask(party, query, given, Page(rows), why)
    sys.stdout.buffer.write(written(answer, Format(form)))


def audit(
    folder: Folder,
    party: Party = "operator",
    last: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 20,
    check: Annotated[bool, typer.Option("--check", help="Go through all of it: is it as it was written?")] = False,
    as_json: Json = False,
) -> None:
    """Who asked for what, and what was decided: all accesses for the operator, a party's own otherwise."""
    from rich.table import Table

    from experiments.data.tables import screen

    site = _site(folder)
    if check:
        print(f"{site.access.audit.check()} accesses, each as it was written")
    entries = site.log(party, last)
    if as_json:
        print(json.dumps(entries, indent=1))
        return
    table = Table("at", "who", "role", "act", "what", "decision", "rows", "by")
    for one in entries:
        policies = one["policies"]
        by = ", ".join(map(str, policies)) if isinstance(policies, list) else ""
        decision = "allowed" if one["allowed"] else f"denied: {one['reason']}"
        table.add_row(
            *(str(one[name]) for name in ("at", "who", "role", "act", "what")), decision, str(one["rows"]), by
        )
    screen().print(table)


def erase(
    folder: Folder,
    home: Annotated[list[str], typer.Argument(metavar="USAGE_POINT...", help="Whose data goes.")],
    party: Party = "operator",
    yes: Annotated[bool, typer.Option("--yes", help="It cannot be taken back; say that you mean it.")] = False,
) -> None:
    """Erase the data of homes: readings, what is known of their series, the search index. The ledger's: `iles ledger erase`.

    Their assets and contracts are the market's and stay, as do a run's telemetry/ and publications/ files.
    """
    from portal.data_site import holders

    if not yes:
        raise BadInput(f"erase: {', '.join(home)} without --yes; expected it, for this cannot be taken back")
    access, known = _site(folder).access, _homes(folder)
    if unknown := sorted(set(home) - {point.usage_point for point in access.book.usage_points} - known):
        raise BadInput(f"erase: {unknown[0]!r} is no usage point here; `iles data datasets {folder}` lists them")
    for name, count in access.erase(access.who(party, "erase", "homes"), home, holders(folder)).items():
        print(f"{name}: erased" + (f", {count} rows" if count else ""))


@consents.command("give")
def give(
    folder: Folder,
    party: Annotated[str, typer.Option("--as", metavar="PARTY", help="The prosumer who gives it.")],
    to: Annotated[str | None, typer.Option(metavar="PARTY", help="Who may see the data.")] = None,
    purpose: Purpose = "research",
    scope: Annotated[str, typer.Option(help="connection, or devices (which includes it).")] = "connection",
    home: Annotated[
        list[str] | None, typer.Option("--home", help="Usage points; all of the giver's otherwise.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="With its offset; until withdrawn otherwise.")
    ] = None,
    odrl: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An ODRL agreement (JSON-LD) instead of all that.")
    ] = None,
) -> None:
    """Give a consent."""
    from cim.platform.access.consents import Consent, Scope, new_identity

    site = _site(folder)
    if (odrl is None) == (to is None):
        raise BadInput("consent: expected either --to PARTY or --odrl FILE")
    if odrl is not None:
        try:
            print(site.consent(party, json.loads(odrl.read_bytes())).identity)
        except (OSError, ValueError) as error:
            raise BadInput(f"consent: {odrl} cannot be read ({error}); expected an ODRL agreement in JSON") from None
        return
    if scope not in list(Scope):
        raise BadInput(f"--scope {scope!r}; expected one of {', '.join(Scope)}")
    giver = site.access.who(party, "consent", "consent")
    homes = tuple(home or sorted(giver.homes))
    now, end = site.access.now(), _instant("until", until)
    grantee = site.access.book.principal(str(to)).name
    given = Consent(new_identity(), giver.name, grantee, _purpose(purpose), Scope(scope), homes, now, end)
    print(site.access.give(giver, given).identity)


@consents.command("withdraw")
def withdraw(
    folder: Folder,
    identity: Annotated[str, typer.Argument(metavar="CONSENT", help="As `give` printed it, or `list` shows it.")],
    party: Annotated[str, typer.Option("--as", metavar="PARTY", help="The prosumer who gave it.")],
) -> None:
    """Withdraw a consent: at the next request it is gone."""
    _site(folder).withdraw(party, identity)
    print(f"{identity} withdrawn")


@consents.command("list")
def list_(folder: Folder, party: Annotated[str, typer.Option("--as", metavar="PARTY", help="The prosumer.")]) -> None:
    """All that PARTY gave, as ODRL."""
    print(json.dumps(_site(folder).consents(party), indent=1))


def _homes(folder: Path) -> set[str]:
    """Usage points of all series, also of those that came from elsewhere."""
    from cim.platform.documents.kinds import Kind
    from cim.platform.documents.store import DocumentStore
    from cim.platform.site_data import documents_path

    documents = DocumentStore(documents_path(folder), read_only=True)
    try:
        return {str((one.body or {}).get("usage_point")) for one in documents.all(Kind.DATASET)}
    finally:
        documents.close()


def _site(folder: Path) -> DataSite:
    from portal.data_site import open_data_site

    return open_data_site(folder, lambda: datetime.now(UTC))


def _purpose(text: str) -> PurposeWord:
    from cim.platform.access.consents import Purpose as Known

    if text not in list(Known):
        raise BadInput(f"--purpose {text!r}; expected one of {', '.join(Known)}")
    return Known(text)


def _instant(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise BadInput(
            f"--{option} {text!r}; expected an instant with its offset, for example 2026-05-20T00:00:00+02:00"
        )
    return found


def _pair(text: str, sign: str = ":") -> tuple[str, str]:
    name, found, word = text.partition(sign)
    if not found:
        raise BadInput(f"{text!r}; expected NAME{sign}WORD")
    return name, word
