"""Calls to Ray actors: ILES's own errors come back as they were raised there; the others say that the actor is gone."""

from __future__ import annotations

import asyncio
from typing import Any

import ray
from ray.exceptions import ObjectLostError, RayActorError, RayTaskError

from cim.model.errors import IlesError

# Dead, being restarted or out of reach; or it had answered, and the node that kept its (large) answer has died.
LOST = (RayActorError, ObjectLostError)


class HostLost(IlesError):
    """A host's process died, and nothing brought it back in time."""


def get(refs: list[Any]) -> list[Any]:
    """The results; the caller's event loop stands still meanwhile. Raises as `fetch`."""
    try:
        return ray.get(refs)
    except RayTaskError as error:
        raise _own(error) from None


async def fetch(refs: list[Any]) -> list[Any]:
    """The results; the caller's event loop turns meanwhile.

    Raises:
        IlesError: what the actor raised on purpose.
        RayActorError, ObjectLostError: see `LOST`.
        RayTaskError: anything else that it raised.
    """
    try:
        return list(await asyncio.gather(*refs))
    except RayTaskError as error:
        raise _own(error) from None


def _own(error: RayTaskError) -> Exception:
    return error.cause if isinstance(error.cause, IlesError) else error
