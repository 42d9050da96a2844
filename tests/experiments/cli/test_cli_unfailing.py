"""A living site's words go to a file on a full disk: the site goes on, and says the rest when there is room."""

from __future__ import annotations

from pathlib import Path

import structlog

from experiments.cli.unfailing import unfailing_words
from tests.worlds.full_disk import room_for


def test_words_that_find_no_room_end_nothing(tmp_path: Path) -> None:
    """Neither a line of the log nor of the console raises; with room again both are written as ever."""
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("w") as log_file, err.open("w") as console_file, unfailing_words(log_file, console_file) as console:
        log = structlog.get_logger("iles")
        with room_for(0):
            for number in range(1000):
                log.warning("full disk", number=number)
                console.print(f"line {number}")
        log.warning("room again")
        console.print("the end")
    assert "room again" in out.read_text()
    assert "the end" in err.read_text()
