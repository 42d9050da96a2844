"""The data of a folder as it is now: opened again whenever its documents, principals or policies are newer."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from cim.platform.access.control import Clock
from cim.platform.provisioning.rate import RateLimit
from cim.platform.site_data import documents_path
from portal.callers import principals_path
from portal.data import DataSite
from portal.data_site import open_data_site
from portal.views import ViewError

_Mark = tuple[tuple[int, int], ...]


class LiveData:
    """A `portal.data.SeeData` of a run's or site's folder, for any thread.

    Args:
        folder: of a run or a site; it may have no data yet.
        now: the site's own clock, UTC.
        make_index: False where a task of the site makes the search index.
        rate: how often each may ask.
    """

    def __init__(self, folder: Path, now: Clock, make_index: bool, rate: RateLimit | None = None) -> None:
        self._folder, self._now, self._make_index = folder, now, make_index
        self._documents = documents_path(folder)
        principals = principals_path(folder)
        wal = self._documents.with_name(f"{self._documents.name}-wal")
        self._watched = (self._documents, wal, principals, principals.with_name("policies.cedar"))
        self._rate, self._lock = rate or RateLimit(), Lock()
        self._opened: tuple[_Mark, DataSite] | None = None

    def __call__(self) -> DataSite:
        """The data with all that was filed before.

        Raises:
            ViewError: nothing has been filed yet.
            BadInput: a file of principals, policies or documents cannot be read.
        """
        if not self._documents.exists():
            raise ViewError("data: nothing has been filed yet; expected a while after the site's start")
        with self._lock:
            mark = tuple(_state(path) for path in self._watched)
            if self._opened is None or self._opened[0] != mark:
                site = open_data_site(self._folder, self._now, self._rate, self._make_index)
                self._opened = (mark, site)
            return self._opened[1]


def _state(path: Path) -> tuple[int, int]:
    """When a file was written last and how long it is; zeros of one that is not there or empty, as readers leave a log."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return (found.st_mtime_ns, found.st_size) if found.st_size else (0, 0)
