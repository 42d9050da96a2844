"""`iles portal users add | list | remove | password DIR`: who may log in at a folder's portal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cim.model.errors import BadInput

if TYPE_CHECKING:
    from cim.platform.access.principals import Role
    from portal.auth.log_in import LogIn

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A run's or a site's folder; it may be served meanwhile.")]
Name = Annotated[str, typer.Argument(help="What the user types in to log in.")]
Stdin = Annotated[
    bool, typer.Option("--stdin", help="Read the password from standard input; it need not be changed then.")
]

app = typer.Typer(
    no_args_is_help=True,
    help="Who may log in at a folder's portal; what is changed holds from the next request on.\n\n"
    "For example: iles portal users add DIR ada --role dso --as dso.strem.example",
)


@app.command()
def add(
    folder: Folder,
    name: Name,
    role: Annotated[
        str, typer.Option(help="prosumer, occupant, aggregator, dso, researcher or administrator.")
    ] = "administrator",
    party: Annotated[
        str,
        typer.Option(
            "--as", metavar="PARTY", help="Whose data is seen: a party's domain or name; none for an administrator."
        ),
    ] = "",
    stdin: Stdin = False,
) -> None:
    """Let somebody log in; prints a one-time password, which must be changed at the first log-in."""
    kind = _role(role)
    log_in = _log_in(folder)
    password, one_time = _password(stdin)
    log_in.users.add(name, kind, _party(folder, party, kind), password, one_time)
    log_in.note(name, log_in.users.get(name), "user added", ("by the command line",))
    _tell(name, password, one_time)


@app.command("list")
def list_(folder: Folder) -> None:
    """Show who may log in, as what, for whom."""
    from rich.table import Table

    from experiments.data.tables import screen

    table = Table("user", "role", "as", "password")
    for name, user in sorted(_log_in(folder).users.all().items()):
        table.add_row(name, user.role, user.party, "one-time" if user.one_time else "own")
    screen().print(table)


@app.command()
def remove(folder: Folder, name: Name) -> None:
    """Let somebody log in no longer; sessions end with their next request."""
    log_in = _log_in(folder)
    user = log_in.users.get(name)
    log_in.users.remove(name)
    log_in.note(name, user, "user removed", ("by the command line",))
    print(f"{name} may log in no longer")


@app.command()
def password(folder: Folder, name: Name, stdin: Stdin = False) -> None:
    """Give somebody another password; sessions end with their next request."""
    log_in = _log_in(folder)
    given, one_time = _password(stdin)
    user = log_in.users.set_password(name, given, one_time)
    log_in.note(name, user, "password given", ("by the command line",))
    _tell(name, given, one_time)


def _log_in(folder: Path) -> LogIn:
    from portal.auth.log_in import LogIn

    if not folder.is_dir():
        raise BadInput(f"folder: {folder} is none; expected that of a run or a site")
    return LogIn(folder)


def _role(text: str) -> Role:
    from cim.platform.access.principals import Role

    try:
        return Role(text)
    except ValueError:
        raise BadInput(f"role: {text!r}; expected one of {', '.join(Role)}") from None


def _party(folder: Path, party: str, role: Role) -> str:
    """The domain of a market party, or the name of another principal.

    Raises:
        BadInput: nobody of this role has that name here.
    """
    from portal.callers import market_roles, named_roles, party_domains

    if not party:
        return ""
    domain = party_domains(folder).get(party, party)
    known = {**market_roles(folder), **named_roles(folder)}
    if known.get(domain) is not role:
        fits = ", ".join(sorted(name for name, one in known.items() if one is role)[:20])
        raise BadInput(f"as: {party!r} is no {role} here; expected one of {fits or 'nobody'}")
    return domain


def _password(stdin: bool) -> tuple[str, bool]:
    from portal.auth.users import one_time_password

    return (sys.stdin.readline().rstrip("\r\n"), False) if stdin else (one_time_password(), True)


def _tell(name: str, password: str, one_time: bool) -> None:
    print(f"{name} logs in with the one-time password {password}" if one_time else f"{name} has the password you gave")
