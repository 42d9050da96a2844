"""Who calls, as routes and pages see it: `caller_of(request)`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from fastapi import HTTPException
from starlette.requests import HTTPConnection, Request

from cim.platform.access.principals import Role

# What each role opens, by the beginning of the path. An administrator opens everything.
PARTY_PATHS: Final = ("/market/", "/data/")
ROLE_PATHS: Final[dict[Role, tuple[str, ...]]] = {
    Role.PROSUMER: PARTY_PATHS,
    Role.AGGREGATOR: PARTY_PATHS,
    Role.DSO: ("/dso/", "/wall", *PARTY_PATHS),
    Role.OCCUPANT: ("/data/",),
    Role.RESEARCHER: ("/data/",),
    Role.ADMINISTRATOR: ("/",),
}
# What a service's token opens, exact paths.
SERVICE_PATHS: Final = {"metrics": ("/metrics", "/health", "/ready")}
# What everybody who is logged in opens beside: exact paths, and beginnings that end with a slash.
SHARED_PATHS: Final = ("/", "/live", "/session", "/logout", "/password", "/pages/", "/_nicegui/")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Attributes:
        name: of the user, or of the principal whose token was shown.
        role: on the data platform; None: of a party's token whose role nobody said.
        party: whose rows it sees: a market party's domain or a principal's name; None: an administrator, who sees all.
        csrf: what a form or script must send with everything that acts; empty for tokens, which no browser sends by itself.
        one_time: it must choose a password of its own before anything else.
        service: it is a service, which opens `SERVICE_PATHS` of its name and nothing else.
    """

    name: str
    role: Role | None
    party: str | None
    csrf: str = ""
    one_time: bool = False
    service: bool = False

    @property
    def all_seeing(self) -> bool:
        """Whether it is the operator or another administrator."""
        return self.party is None

    @property
    def opened(self) -> str:
        """What it opens, in words."""
        paths = (
            SERVICE_PATHS[self.name] if self.service else PARTY_PATHS if self.role is None else ROLE_PATHS[self.role]
        )
        return " and ".join(paths)

    def opens(self, path: str) -> bool:
        """Whether its role opens a path."""
        if self.service:
            return path in SERVICE_PATHS[self.name]
        return path.startswith(PARTY_PATHS if self.role is None else ROLE_PATHS[self.role])


def shared(path: str) -> bool:
    """Whether a path is for everybody who is logged in."""
    return path in SHARED_PATHS or path.startswith(
        tuple(one for one in SHARED_PATHS if len(one) > 1 and one[-1] == "/")
    )


def caller_of(connection: HTTPConnection) -> Caller | None:
    """Who calls, as the guard found; None at an open path without log-in or token."""
    found: Caller | None = getattr(connection.state, "caller", None)
    return found


def needs(*roles: Role) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency of routes that are for some roles only (administrators always): the caller.

    Raises:
        HTTPException: 401 without a caller, 403 with another role.
    """

    async def check(request: Request) -> Caller:
        caller = caller_of(request)
        if caller is None:
            raise HTTPException(401, "a log-in or a token is needed")
        if caller.role is not Role.ADMINISTRATOR and caller.role not in roles:
            raise HTTPException(403, f"this is for {' and '.join(roles)}; expected the log-in or token of one")
        return caller

    return check
