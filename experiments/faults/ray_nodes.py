"""Several Ray nodes on this one machine, so that one can be lost: for experiments with failures, never for a site.

Ray must not be imported before (see `ray_environment`), so this module imports it when the nodes start.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, cast

from agents.runtime.ray.reports import log_reports
from agents.runtime.ray.start import prepare_ray, refuse_late, stop_ray
from cim.model.errors import BadInput, ProgrammingFault
from cim.platform.exposure import is_loopback

_LOOPBACK = "127.0.0.1"


class RayNodes:
    """A cluster of `count` nodes on loopback, with a token; this process belongs to the first, which is also its head.

    Args:
        log: file for what Ray reports of its processes; see `log_reports`.

    Raises:
        BadInput: fewer than two.
        ProgrammingFault: Ray was imported too early, or listens elsewhere than it was told.
    """

    def __init__(self, count: int, log: Path | None = None) -> None:
        if count < 2:
            raise BadInput(f"nodes: {count}; expected at least 2, of which one can be lost")
        before = dict(os.environ)
        prepare_ray(node_ip=_LOOPBACK)
        refuse_late(before)
        import ray
        from ray.cluster_utils import Cluster

        log_reports(log)

        self._cluster = Cluster()
        cores = max(1, (os.cpu_count() or 1) // count)
        try:
            self._nodes: list[Any] = []
            for _ in range(count):
                node = self._cluster.add_node(num_cpus=cores, node_ip_address=_LOOPBACK, include_dashboard=False)
                self._nodes.append(node)
            ray.init(
                address=self._cluster.address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _node_ip_address=_LOOPBACK,
            )
            told = {str(node["NodeManagerAddress"]) for node in cast("Any", ray).nodes()}
            if not all(map(is_loopback, told)):
                raise ProgrammingFault(f"Ray listens on {', '.join(sorted(told))}; expected {_LOOPBACK}")
            own = cast("Any", ray).get_runtime_context().get_node_id()
            if own != self.ids[0]:
                raise ProgrammingFault(f"Ray joined this process to node {own}; expected the head, {self.ids[0]}")
        except BaseException:
            self.close()
            raise

    @property
    def ids(self) -> tuple[str, ...]:
        """The nodes in the order of their start; without the first there is no cluster."""
        return tuple(node.node_id for node in self._nodes)

    def kill(self, node_id: str, processes: Iterable[int]) -> None:
        """SIGKILL to a node, and to the processes of the actors that live there: as if its machine had lost power.

        Workers that carry out jobs are Ray's own; they end within two seconds of their node.
        """
        (node,) = (node for node in self._nodes if node.node_id == node_id)
        self._cluster.remove_node(node, allow_graceful=False)
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def close(self) -> None:
        """End this process's part, and all nodes."""
        stop_ray()
        cast("Any", self._cluster).shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
