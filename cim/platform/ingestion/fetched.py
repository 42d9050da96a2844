"""What a source gives when it is asked: files that are new, or an API's answer for a window."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from glob import glob
from pathlib import Path

from cim.platform.ingestion.http_fetch import FetchFailed, fetch
from cim.platform.ingestion.source import ConfiguredSource, Files, Http, written


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch that is asked for, UTC."""

    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Fetched:
    """One delivery to be.

    Attributes:
        data: a file of our own with its bytes; whoever takes it moves it away.
        marks: what a file is known by: its content, and by which it is known to be unchanged without reading it.
        not_before: the begin of what was asked for, or None.
    """

    data: Path
    marks: tuple[str, ...] = ()
    not_before: datetime | None = None


def fetched(
    asked: ConfiguredSource, window: Window | None, into: Path, is_known: Callable[[str], bool]
) -> Iterator[Fetched]:
    """What the source gives now.

    Args:
        window: of an API; None for files.
        into: a folder of our own.
        is_known: whether a mark was taken before.

    Raises:
        FetchFailed, BadInput, OSError: it is not to be had.
    """
    origin = asked.source.origin
    if isinstance(origin, Files):
        yield from _files(origin, asked.folder, into, is_known)
    elif isinstance(origin, Http) and window is not None:
        query = {
            name: value.replace("{begin}", written(window.begin, origin.times, asked.source.zone)).replace(
                "{end}", written(window.end, origin.times, asked.source.zone)
            )
            for name, value in origin.query.items()
        }
        part = into / f"{asked.source.name}.part"
        fetch(origin, query, asked.folder, part)
        asks = any("{begin}" in value for value in origin.query.values())
        yield Fetched(part, not_before=window.begin if asks else None)


def _files(origin: Files, folder: Path, into: Path, is_known: Callable[[str], bool]) -> Iterator[Fetched]:
    found = sorted(glob(str(folder / origin.path)))
    if not found and not any(sign in origin.path for sign in "*?["):
        raise FetchFailed(f"{origin.path}: there is no such file")
    for name in found:
        path = Path(name)
        if not path.is_file():
            continue
        stamp = _stamp(path)
        if is_known(stamp):
            continue
        part = into / "file.part"
        shutil.copyfile(path, part)
        if _stamp(path) != stamp:
            continue  # somebody is writing it: the next time
        yield Fetched(part, (_digest(part), stamp))


def _stamp(path: Path) -> str:
    state = path.stat()
    return f"{path} {state.st_size} {state.st_mtime_ns} {state.st_ino}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
