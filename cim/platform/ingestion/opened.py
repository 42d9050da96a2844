"""A data folder as whoever runs its sources opens it: register, quarantine, and the table for its one writer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cim.platform.handler.handler import DataHandler
from cim.platform.handler.quarantine import Quarantine
from cim.platform.ingestion.manager import IngestionManager, Told
from cim.platform.ingestion.register import SourceRegister
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.storage import readings_place
from cim.platform.readings.table import ReadingsTable


@contextmanager
def register_of(folder: Path) -> Iterator[SourceRegister]:
    """The folder's sources and their state; also while a service runs them."""
    register = SourceRegister(folder / "data" / "ingestion")
    try:
        yield register
    finally:
        register.close()


@contextmanager
def quarantine_of(folder: Path) -> Iterator[Quarantine]:
    """What the folder holds in quarantine."""
    quarantine = Quarantine(folder / "data" / "quarantine")
    try:
        yield quarantine
    finally:
        quarantine.close()


@contextmanager
def manager_of(folder: Path, told: Told = lambda _name, _taken: None) -> Iterator[IngestionManager]:
    """The folder's manager, which writes its readings.

    Raises:
        BadInput: another process writes them, such as `iles data run`.
    """
    place = readings_place(folder)
    with ReadingsTable(place) as table, register_of(folder) as register, quarantine_of(folder) as quarantine:
        yield IngestionManager(register, DataHandler(table, ReadingQueries(place), quarantine), told)
