"""Calls to Ray actors: ILES's own errors come back as they were raised there; the others say that the actor is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import cycle
from typing import Any, cast

import ray
from ray.exceptions import ObjectLostError, RayActorError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from agents.runtime.served_host import HostRestarted
from cim.model.errors import IlesError


class HostLost(IlesError):
    """A host's process died, and nothing brought it back in time."""


# Dead, being restarted or out of reach; or it had answered, and the node that kept its (large) answer has died.
LOST = (RayActorError, ObjectLostError, HostRestarted)


def answers_now(refs: list[Any]) -> list[Any]:
    """What the calls return; the caller's event loop stands still meanwhile. Raises as `answers`."""
    try:
        return ray.get(refs)
    except RayTaskError as error:
        raise _own(error) from None


async def answers(refs: list[Any]) -> list[Any]:
    """What the calls return; the caller's event loop turns meanwhile.

    Raises:
        IlesError: what the actor raised on purpose.
        RayActorError, ObjectLostError, HostRestarted: see `LOST`.
        RayTaskError: anything else that it raised.
    """
    try:
        return list(await asyncio.gather(*refs))
    except RayTaskError as error:
        raise _own(error) from None


def on_this_node() -> NodeAffinitySchedulingStrategy:
    """Where an actor lives that needs this machine's files, or whose loss would end this process's run anyway."""
    return NodeAffinitySchedulingStrategy(_own_node(), soft=False)


def spread_over_nodes() -> Iterator[NodeAffinitySchedulingStrategy]:
    """Over and over, each node that has a CPU to offer, this process's own last; elsewhere when that node has died.

    For actors that ask for something: one that asks for nothing Ray puts on any node, whatever strategy it is given.
    """
    nodes = [node for node in cast("Any", ray).nodes() if node["Alive"]]
    able = [node["NodeID"] for node in nodes if node["Resources"].get("CPU")] or [_own_node()]
    own = _own_node()
    for node in cycle(sorted(able, key=lambda node: (node == own, node))):
        yield NodeAffinitySchedulingStrategy(node, soft=True)


def _own_node() -> str:
    node: str = cast("Any", ray).get_runtime_context().get_node_id()
    return node


def _own(error: RayTaskError) -> Exception:
    return error.cause if isinstance(error.cause, IlesError) else error
