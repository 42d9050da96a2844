"""What an HTTP API gives: bounded in time and size, with key or OAuth client credentials, never redirected to another host."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

from cim.model.errors import IlesError
from cim.platform.ingestion.source import Http, OAuth

if TYPE_CHECKING:
    import httpx

_REDIRECTS = 5
_LARGEST_TOKEN = 1 << 20


class FetchFailed(IlesError):
    """A source did not give what it was asked for; it is asked again later."""


def fetch(origin: Http, query: Mapping[str, str], folder: Path, into: Path) -> None:
    """Ask once and write the answer's body to a file.

    Args:
        folder: in which the secrets' files are.

    Raises:
        FetchFailed: not reached in time, another status than 200, too large, or redirected elsewhere.
        BadInput: a secret is not there.
    """
    import httpx

    deadline = time.monotonic() + origin.timeout_s
    with httpx.Client(timeout=origin.timeout_s, follow_redirects=False, trust_env=False) as client:
        try:
            headers, asked = dict(origin.headers), dict(query)
            if origin.key is not None:
                secret = origin.key.secret.read(folder)
                (headers if origin.key.header else asked)[origin.key.header or origin.key.query or ""] = secret
            if origin.oauth is not None:
                headers["Authorization"] = f"Bearer {_token(client, origin.oauth, folder, deadline)}"
            request = client.build_request("GET", origin.url, params=asked, headers=headers)
            with into.open("wb") as file:
                for chunk in _body(client, request, deadline, int(origin.max_mb * 1e6)):
                    file.write(chunk)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise FetchFailed(f"{_named(origin.url)}: {type(error).__name__} {str(error)[:150]}".rstrip()) from None


def _body(client: httpx.Client, request: httpx.Request, deadline: float, largest: int) -> Iterator[bytes]:
    """The body of the answer behind redirects within the host."""
    for _ in range(_REDIRECTS):
        response = client.send(request, stream=True)
        try:
            if response.is_redirect:
                request = _followed(client, request, response.headers["location"])
                continue
            if response.status_code != 200:
                raise FetchFailed(f"{_named(str(request.url))}: HTTP status {response.status_code}; expected 200")
            size = 0
            for chunk in response.iter_bytes(65_536):
                size += len(chunk)
                if size > largest:
                    raise FetchFailed(
                        f"{_named(str(request.url))}: more than {largest / 1e6:g} MB; say max_mb if that is right"
                    )
                if time.monotonic() > deadline:
                    raise FetchFailed(f"{_named(str(request.url))}: not done in time; say timeout_s if that is right")
                yield chunk
            return
        finally:
            response.close()
    raise FetchFailed(f"{_named(str(request.url))}: more than {_REDIRECTS} redirects")


def _followed(client: httpx.Client, request: httpx.Request, location: str) -> httpx.Request:
    target = urljoin(str(request.url), location)
    here, there = urlsplit(str(request.url)), urlsplit(target)
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        raise FetchFailed(f"{_named(str(request.url))}: redirects to {_named(target)}; another host is not asked")
    return client.build_request("GET", target, headers=request.headers)


def _token(client: httpx.Client, oauth: OAuth, folder: Path, deadline: float) -> str:
    """An access token (RFC 6749, 4.4 and 5.1)."""
    form = {"grant_type": "client_credentials"} | ({"scope": oauth.scope} if oauth.scope else {})
    auth = _basic(oauth, folder)
    request = client.build_request("POST", oauth.token_url, data=form, headers={"Authorization": auth})
    answer = b"".join(_body(client, request, deadline, _LARGEST_TOKEN))
    try:
        found = json.loads(answer)
    except ValueError:
        found = None
    token = found.get("access_token") if isinstance(found, dict) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise FetchFailed(f"{_named(oauth.token_url)}: the answer holds no access_token")
    return token


def _basic(oauth: OAuth, folder: Path) -> str:
    """The client's HTTP Basic words (RFC 6749, 2.3.1)."""
    pair = f"{quote(oauth.client_id, safe='')}:{quote(oauth.secret.read(folder), safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _named(address: str) -> str:
    """An address for people: without its query, which may hold a key."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
