"""Keeps what the agents publish during a run: figures for summary and report, readings for the tables."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from cim.platform.tables import ReadingTable


class Collector:
    """The sink of a run."""

    def __init__(self, folder: Path | None) -> None:
        self._table = None if folder is None else ReadingTable(folder)
        self.published: dict[str, list[tuple[datetime, str, Any]]] = {}
        self.counts: Counter[str] = Counter()

    def __call__(self, now: datetime, agent: str, topic: str, value: Any) -> None:
        """Take one published value."""
        if topic == "telemetry":
            self.counts["readings"] += len(value)
            if self._table is not None:
                self._table.add(value)
            return
        self.counts[topic] += 1
        self.published.setdefault(topic, []).append((now, agent, value))

    def values(self, topic: str) -> list[Any]:
        """All values of a topic, in order."""
        return [value for _, _, value in self.published.get(topic, [])]

    def close(self) -> None:
        """Write what is left."""
        if self._table is not None:
            self._table.flush()
