"""The portal's token: made once for each site, kept in a file that only its owner may read."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

from cim.model.errors import BadInput
from portal.guard import check_token

VARIABLE = "ILES_PORTAL_TOKEN"
FILE = "portal.token"
PARTIES = "portal.parties"  # a folder with a file for each market party, to be handed to it
SERVICES = "portal.services"  # the same for each service, such as what collects metrics


def portal_token(folder: Path) -> str:
    """The token of the site whose data is in `folder`: from `ILES_PORTAL_TOKEN`, else its file, else a new one.

    Raises:
        BadInput: the token is too short, or others may read its file.
    """
    if given := os.environ.get(VARIABLE):
        check_token(given)
        return given
    path = folder / FILE
    try:
        return _kept(path)
    except FileNotFoundError:
        _make(path)
        return _kept(path)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"portal token: {path} cannot be read ({error}); expected a file of yours") from error


def party_tokens(folder: Path, domains: Iterable[str]) -> dict[str, str]:
    """By token, the market party (its domain) whose it is: from its own file, made where there is none.

    Raises:
        BadInput: a token is too short, or others may read its file; or two parties have the same.
    """
    return _tokens(folder / PARTIES, domains)


def service_tokens(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The same for services.

    Raises:
        BadInput: as of parties.
    """
    return _tokens(folder / SERVICES, names)


def _tokens(folder: Path, names: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for domain in sorted(names):
        path = folder / f"{domain}.token"
        if not path.exists():
            _make(path)
        token = _kept(path)
        if token in found:
            raise BadInput(f"portal token: {domain} and {found[token]} have the same; expected one for each party")
        found[token] = domain
    return found


def _kept(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if os.name == "posix" and mode & 0o077:
            raise BadInput(
                f"portal token: {path} has mode {mode:04o}, so others may use it; expected 0600 and a new token"
            )
        token = file.read().strip()
    check_token(token)
    return token


def _make(path: Path) -> None:
    """Write a new token beside and link it into place: of two that start at once, both read the same one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
