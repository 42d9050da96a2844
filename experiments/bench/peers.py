"""What others do with the same work: mango-agents, frequenz-channels, bare Ray actors, a bare asyncio queue."""

from __future__ import annotations

import asyncio
import time
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from frequenz.channels import Receiver, Sender

VALUES = 96
Payload: TypeAlias = tuple[int, list[float]]


def mango_local(agents: int, each: int) -> float:
    """Messages a second between the agents of one mango container."""
    import mango

    class Catcher(mango.Agent):  # type: ignore[misc]
        caught = 0

        def handle_message(self, content: Any, meta: Any) -> None:
            Catcher.caught += 1

    async def run() -> float:
        container = mango.create_ec_container(addr="bench")
        team = [container.register(Catcher()) for _ in range(agents)]
        payload = (1, [float(x) for x in range(VALUES)])

        async def throw(k: int) -> None:
            for _ in range(each):
                await team[k].send_message(payload, team[k + 1].addr)

        async with mango.activate(container):
            begun = time.perf_counter()
            await asyncio.gather(*(throw(k) for k in range(0, agents, 2)))
            while Catcher.caught < agents // 2 * each:
                await asyncio.sleep(0)
            return Catcher.caught / (time.perf_counter() - begun)

    return asyncio.run(run())


def frequenz_local(agents: int, each: int) -> float:
    """Messages a second between agents that have a frequenz channel each, in one loop.

    The work is that of `mango_local`: half of the agents send, each waits until its message is in the receiver's
    buffer, and the time ends when the last message was handled. The buffer holds all messages, as mango's does: a
    full one drops them.
    """
    from frequenz.channels import BroadcastChannel

    caught = 0

    def handle_message(content: Payload) -> None:
        nonlocal caught
        caught += 1

    async def catch(receiver: Receiver[Payload]) -> None:
        async for content in receiver:
            handle_message(content)

    async def run() -> float:
        # One for each agent, as each has an inbox in mango's container; those of the senders stay empty there too.
        channels = [BroadcastChannel[Payload](name=str(k), limit=each) for k in range(agents)]
        catchers = [asyncio.create_task(catch(receiver)) for _, receiver in channels]
        payload = (1, [float(x) for x in range(VALUES)])

        async def throw(sender: Sender[Payload]) -> None:
            for _ in range(each):
                await sender.send(payload)

        await asyncio.sleep(0)  # all of them wait now
        begun = time.perf_counter()
        await asyncio.gather(*(throw(sender) for sender, _ in channels[1::2]))
        while caught < agents // 2 * each:
            await asyncio.sleep(0)
        taken = time.perf_counter() - begun
        for sender, _ in channels:
            await sender.aclose()
        await asyncio.gather(*catchers)
        return caught / taken

    return asyncio.run(run())


class MangoPair:
    """Two mango containers over TCP, each in a process of its own."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._child = context.Process(target=_mango_child, args=(theirs,), daemon=True)
        self._child.start()

    def rate(self, agents: int, each: int) -> float:
        """Messages a second between the containers, both ways at once; new agents each time."""
        self._ours.send((agents // 2, each))
        return asyncio.run(_mango_side(self._ours, agents // 2, each, True))

    def end(self) -> None:
        """End the other process."""
        self._ours.send(None)
        self._child.join(10)
        self._child.kill()


def _mango_child(pipe: Any) -> None:
    while (wanted := pipe.recv()) is not None:
        agents, each = wanted
        asyncio.run(_mango_side(pipe, agents, each, False))


async def _mango_side(pipe: Any, agents: int, each: int, first: bool) -> float:
    import mango

    caught = 0

    class Catcher(mango.Agent):  # type: ignore[misc]
        def handle_message(self, content: Any, meta: Any) -> None:
            nonlocal caught
            caught += 1

    container = mango.create_tcp_container(addr=("127.0.0.1", 0), auto_port=True)
    team = [container.register(Catcher()) for _ in range(agents)]
    payload = (1, [float(x) for x in range(VALUES)])

    async def told() -> Any:
        return await asyncio.to_thread(pipe.recv)

    async with mango.activate(container):
        pipe.send((container.addr, [agent.aid for agent in team]))
        addr, aids = await told()

        async def throw(k: int) -> None:
            for _ in range(each):
                await team[k].send_message(payload, mango.AgentAddress(tuple(addr), aids[k]))

        pipe.send("ready")
        await told()
        begun = time.perf_counter()
        await asyncio.gather(*(throw(k) for k in range(agents)))
        while caught < agents * each:
            await asyncio.sleep(0.0005)
        pipe.send("done")
        await told()
        return 2 * agents * each / (time.perf_counter() - begun) if first else 0.0


def asyncio_queue(messages: int) -> float:
    """Messages a second through one asyncio queue: what Python itself would allow."""

    async def run() -> float:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        payload = np.arange(float(VALUES))
        begun = time.perf_counter()

        async def catch() -> None:
            for _ in range(messages):
                await queue.get()

        catcher = asyncio.create_task(catch())
        for number in range(messages):
            queue.put_nowait((number, payload))
        await catcher
        return messages / (time.perf_counter() - begun)

    return asyncio.run(run())


class RayPeers:
    """An actor for each agent, called once for each message; and what it takes to start them."""

    def __init__(self, actors: int) -> None:
        import ray

        @ray.remote(num_cpus=0)
        class Agent:
            def __init__(self) -> None:
                self.caught = 0

            def catch(self, hops: int, values: Any) -> int:
                self.caught += 1
                return hops - 1

        begun = time.perf_counter()
        self._actors = [Agent.remote() for _ in range(actors)]  # type: ignore[attr-defined]
        ray.get([actor.catch.remote(1, None) for actor in self._actors])
        self.startup_s = time.perf_counter() - begun

    def rate(self, messages: int) -> float:
        """Calls a second over all the actors."""
        import ray

        payload = np.arange(float(VALUES))
        count = len(self._actors)
        begun = time.perf_counter()
        ray.get([self._actors[k % count].catch.remote(1, payload) for k in range(messages)])
        return messages / (time.perf_counter() - begun)

    def end(self) -> None:
        """End the actors."""
        import ray

        for actor in self._actors:
            ray.kill(actor)
