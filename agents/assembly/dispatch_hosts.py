"""Members packed in processes of their own, one Ray actor each: prices go in, sums come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import ray

from agents.planning.dispatch.packed.members import Members, PackedHost
from agents.planning.dispatch.packed.messages import ApproachAnswer, ApproachAsked, Host, PriceAsked, SumAnswer

Make = Callable[..., Members]


class _Packed:
    """What runs in the actor."""

    _host: PackedHost

    def pack(self, make: Make, arguments: tuple[int, ...]) -> int:
        self._host = PackedHost(make(*arguments))
        return self._host.size()

    def ask(self, asked: PriceAsked) -> SumAnswer:
        return self._host.ask(asked)()

    def approach(self, asked: ApproachAsked) -> ApproachAnswer:
        return self._host.approach(asked)()


@dataclass(frozen=True, slots=True)
class _RayHost:
    """A `Host` whose members live in an actor."""

    _actor: Any
    _members: int

    def size(self) -> int:
        return self._members

    def ask(self, asked: PriceAsked) -> Callable[[], SumAnswer]:
        answer = self._actor.ask.remote(asked)
        return lambda: ray.get(answer)

    def approach(self, asked: ApproachAsked) -> Callable[[], ApproachAnswer]:
        answer = self._actor.approach.remote(asked)
        return lambda: ray.get(answer)


class RayHosts:
    """So many actors, in a Ray of their own unless one is running; they end with the `with` block."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._own = False
        self._actors: list[Any] = []

    def __enter__(self) -> RayHosts:
        if not ray.is_initialized():
            ray.init(num_cpus=self._count, include_dashboard=False, log_to_driver=False, configure_logging=False)
            self._own = True
        remote = ray.remote(num_cpus=1)(_Packed)
        self._actors = [remote.remote() for _ in range(self._count)]
        return self

    def pack(self, make: Make, parts: Sequence[tuple[int, ...]]) -> list[Host]:
        """Each actor makes its own members, by a function and its arguments: no member's data is sent."""
        sizes = ray.get([actor.pack.remote(make, part) for actor, part in zip(self._actors, parts, strict=True)])
        return [_RayHost(actor, size) for actor, size in zip(self._actors, sizes, strict=True)]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for actor in self._actors:
            ray.kill(actor)
        if self._own:
            ray.shutdown()
