"""The data platform of a living site: its tasks on the site's own clock, where the site's agents run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from agents.assembly.site_runtime import JournalPlace
from cim.platform.ingestion.topic_task import TakeTopic
from cim.platform.orchestrator.executor import Executor, ThreadExecutor
from cim.platform.orchestrator.service import OrchestratorService
from cim.platform.orchestrator.site_tasks import DOCUMENTS, INDEX, TELEMETRY, TOPIC, site_tasks
from environment.sites.connections import site_facts
from environment.sites.schema import Site
from portal.data_site import RefreshIndex


@contextmanager
def data_platform(
    folder: Path, site: Site, runtime: str, broker: JournalPlace, now: Callable[[], datetime]
) -> Iterator[None]:
    """Fill `DIR/data` while the site lives, and with what is left at the end; it can be asked from the beginning.

    Args:
        runtime: `ray` or `local`.
        broker: whose topics the readings come by.
        now: the site's clock.
    """
    topic = TakeTopic(folder, broker.url, broker.space)
    tasks = site_tasks(folder, site_facts(site), RefreshIndex(folder), topic)
    edges = (TOPIC, TELEMETRY, DOCUMENTS, INDEX)
    service = OrchestratorService(folder, tasks, _executor(runtime), now, first=edges, last=edges)
    service.start()
    try:
        yield
    finally:
        service.stop()


def _executor(runtime: str) -> Executor:
    if runtime == "ray":
        from agents.assembly.ray_tasks import RayExecutor

        return RayExecutor()
    return ThreadExecutor()
