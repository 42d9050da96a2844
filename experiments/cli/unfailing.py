"""What a command says goes to a stream that may be a file on a full disk: saying it must not end what goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console


class _Unfailing:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):  # what the stream still holds goes out with what comes next
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def unfailing(stream: TextIO) -> TextIO:
    """The stream, but what it cannot take raises nothing."""
    return cast("TextIO", _Unfailing(stream))


@contextmanager
def unfailing_words(out: TextIO, err: TextIO) -> Iterator[Console]:
    """Log lines go to `out` and the console to `err`, whatever becomes of the disk that they are on."""
    import structlog
    from rich.console import Console

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(unfailing(out)))
    try:
        yield Console(file=unfailing(err))
    finally:
        structlog.reset_defaults()
