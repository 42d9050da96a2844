"""What is wrong with a living site's topics, told to whoever looks into its folder from another process."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def tell_trouble(folder: Path, trouble: str | None) -> None:
    """Say it, or that nothing is wrong any more; what the disk does not take is not told."""
    path = _path(folder)
    with suppress(OSError):
        if trouble is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(trouble, encoding="utf-8")
        unfinished.rename(path)


def told_trouble(folder: Path) -> str:
    """A sentence, or empty where nothing is wrong."""
    try:
        return _path(folder).read_text(encoding="utf-8")
    except OSError:
        return ""


def _path(folder: Path) -> Path:
    return folder / "data" / "topics.trouble"
