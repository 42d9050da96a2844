"""`iles ledger rotate`: ask a party's agent on a living site to sign with another key."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cim.model.errors import BadInput

if TYPE_CHECKING:
    import httpx

_EVERY_S = 0.5


def rotate(
    folder: Annotated[Path, typer.Argument(metavar="SITE", help="A living site's folder, as `iles up` has it.")],
    party: Annotated[str, typer.Argument(metavar="DOMAIN", help="Whose key, for example farm-1.strem.example.")],
    portal: Annotated[
        str, typer.Option(metavar="URL", help="Where the site's portal listens.")
    ] = "http://127.0.0.1:8080",
    wait_s: Annotated[float, typer.Option(min=0, max=3600, help="For the agent's answer.")] = 60.0,
) -> None:
    """Ask a party's agent to go over to the next of the keys that were prepared for it at the site's start.

    The rotation is a record, signed by the old key and by the new one; from there on the party signs with the new one, and
    what the old one has signed stays proven. An agent that negotiates goes over when that is done. The party's own token
    in SITE/portal.parties is shown to the portal; its answer is printed, and a refusal is exit code 1.

    For example: iles ledger rotate sites/strem farm-1.strem.example, then iles ledger show sites/strem/ledger.db
    """
    import httpx

    from portal.tokens import PARTIES

    path = folder / PARTIES / f"{party}.token"
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError, ValueError):
        raise BadInput(
            f"{path} cannot be read; expected the folder of a living site, and a party of its market"
        ) from None
    with httpx.Client(base_url=portal, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
        try:
            told = _answer(client.post("/market/actions/rotate-key", json={}))
            end = time.monotonic() + wait_s
            while told["state"] in {"waiting", "handed"} and time.monotonic() < end:
                time.sleep(_EVERY_S)
                told = _answer(client.get(f"/market/actions/{told['number']}"))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise BadInput(
                f"--portal {portal}: {error or type(error).__name__}; expected a living site's portal"
            ) from None
    if told["state"] == "refused":
        print(f"{party}: refused: {told['reason']}")
        raise typer.Exit(1)
    reason = told["reason"] or f"no answer yet; its request is {told['number']}, and it holds"
    print(f"{party}: {told['state']}: {reason}")


def _answer(response: httpx.Response) -> Mapping[str, str]:
    """What the portal says.

    Raises:
        BadInput: it refuses; its own sentence.
    """
    try:
        told = response.json()
    except ValueError:
        told = None
    if not isinstance(told, dict) or response.status_code >= 400:
        said = told.get("detail") if isinstance(told, dict) else f"status {response.status_code}"
        raise BadInput(f"the portal refuses: {said}")
    return {str(name): str(value) for name, value in told.items()}
