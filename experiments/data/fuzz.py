"""Broken records and mapping files by the thousand: nothing crashes, nothing is lost, and the sound ones are taken."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cim.mapping.engine.mapping_file import MappingFile, read_mapping
from cim.model.errors import BadInput
from cim.platform.handler.handler import Delivery, Taken
from cim.platform.ingestion.opened import manager_of
from cim.platform.readings.selection import Selection

_CSV = """name: fuzz
format: {kind: csv, delimiter: ";", decimal: ","}
instant: {column: time, pattern: "%d.%m.%Y %H:%M", zone: Europe/Vienna, interval_s: 900}
usage_point: meter
meter: meter
values:
  - {column: kwh, reading_type: energy_import, unit: kWh, low: 0, high: 100}
"""
_JSON = _CSV.replace('{kind: csv, delimiter: ";", decimal: ","}', "{kind: json, lines: true}")
_ODD = (
    *(
        "",
        " ",
        "-1",
        "1e999",
        "NaN",
        "inf",
        "0x1F",
        "1,2,3",
        "\x00",
        "ü",
        "\ufffd",
        '"',
        ";",
        ";;;",
        "25:00",
        "9" * 400,
    ),
    *("31.02.2024 00:00", "31.03.2024 02:30", "27.10.2024 02:15", "null", "[]", "{}", "\\", "\ud83d", "1;2", "=1+1"),
    "'; DROP TABLE records; --",
)
_NOW = datetime(2024, 12, 1, tzinfo=UTC)
_FIRST = datetime(2024, 1, 1)  # noqa: DTZ001 - the source's local clock
_PART = 10_000


@dataclass(slots=True)
class Fuzzed:
    """What was fed and what became of it; `wrong`: what should not have been, in words."""

    records: int = 0
    sound: int = 0
    taken: Taken = field(default_factory=Taken)
    mappings: int = 0
    mappings_refused: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether all went as it should."""
        return not self.wrong

    def sentence(self) -> str:
        """For people."""
        told = (
            f"{self.records} records ({self.sound} sound): {self.taken.readings} readings, {self.taken.known} known, "
            f"{self.taken.rejects} held with their reason; {self.mappings} mapping files: {self.mappings_refused} refused"
        )
        return "\n".join([told, *self.wrong[:20]]) if self.wrong else f"{told}; none crashed, none was lost"


def fuzz(count: int, seed: int, say: Callable[[str], None] = lambda _: None) -> Fuzzed:
    """Feed `count` records, as CSV and as JSON lines in turns, and a hundredth as many mapping files."""
    draw, found = random.Random(seed), Fuzzed()  # noqa: S311 - seeded on purpose
    with TemporaryDirectory() as folder:
        _records(Path(folder), count, draw, found, say)
    _mappings(max(count // 100, 20), draw, found)
    return found


def _records(folder: Path, count: int, draw: random.Random, found: Fuzzed, say: Callable[[str], None]) -> None:
    mappings = (read_mapping(_CSV), read_mapping(_JSON))
    with manager_of(folder) as manager:
        handler = manager.handler
        for number, first in enumerate(range(0, count, _PART), 1):
            amount, as_json = min(_PART, count - first), number % 2 == 0
            lines = [_line(first + k, as_json, draw, found) for k in range(amount)]
            data = folder / "part"
            data.write_bytes(b"\n".join(([] if as_json else [b"meter;time;kwh"]) + lines) + b"\n")
            try:
                taken = handler.take(Delivery("fuzz", number, data, _NOW), mappings[as_json])
            except Exception as error:
                found.wrong.append(f"delivery {number}: {type(error).__name__}: {error}")
                continue
            found.taken += taken
            rows = sum(1 for line in lines if line.strip())
            if taken.refused or taken.readings + taken.known + taken.rejects != rows:
                found.wrong.append(f"delivery {number}: {rows} lines, {taken}")
            say(f"{first + amount} records fed: {found.taken.readings} readings, {found.taken.rejects} held")
        held = handler.quarantine.held(limit=count + 1)
        if any(not row.reason for row in held):
            found.wrong.append("a record is held without a reason")
        there = handler.known.run(
            "SELECT count(*) AS n FROM readings WHERE usage_point LIKE 'sound-%'", {}, Selection()
        )
        if there["n"][0].as_py() != found.sound:
            found.wrong.append(f"{there['n'][0].as_py()} of {found.sound} sound records are readings")


def _line(number: int, as_json: bool, draw: random.Random, found: Fuzzed) -> bytes:
    """A record: one in three sound, the others with something broken."""
    found.records += 1
    at = _FIRST + timedelta(minutes=15 * (number // 7 % 5000))  # before March's change: no sound record is ambiguous
    cells = [f"sound-{number % 7}-{number // 35_000}", f"{at:%d.%m.%Y %H:%M}", f"{number % 50}"]
    if number % 3 == 0:
        found.sound += 1
    else:
        cells[0] = f"m-{draw.randrange(50)}"
        for _ in range(draw.randrange(1, 3)):
            cells[draw.randrange(3)] = draw.choice(_ODD)
    if as_json:
        names = ("meter", "time", "kwh")
        text = "{" + ", ".join(f'"{n}": "{c}"' for n, c in zip(names, cells, strict=True)) + "}"
    else:
        text = ";".join(cells)
    line = text.encode("utf-8", "surrogatepass").replace(b"\n", b" ")
    if number % 3 and draw.random() < 0.2:
        line = _bytes_broken(line, draw)
    return line


def _bytes_broken(data: bytes, draw: random.Random) -> bytes:
    broken = bytearray(data)
    for _ in range(draw.randrange(1, 4)):
        if broken:
            broken[draw.randrange(len(broken))] = draw.choice(b'\x00\xff"{};,\\ a9\t')
    return bytes(broken)


def _mappings(count: int, draw: random.Random, found: Fuzzed) -> None:
    """Mapping files with characters, lines and words changed: each is a mapping, or refused in one sentence."""
    for _ in range(count):
        text = draw.choice((_CSV, _JSON))
        for _ in range(draw.randrange(1, 4)):
            text = _text_broken(text, draw)
        found.mappings += 1
        try:
            _use(read_mapping(text))
        except BadInput as error:
            found.mappings_refused += 1
            if not str(error):
                found.wrong.append(f"refused without a word: {text!r}")
        except Exception as error:
            found.wrong.append(f"{type(error).__name__}: {error} by the mapping {text!r}")


def _use(mapping: MappingFile) -> None:
    """What is taken as a mapping must map."""
    import io

    from cim.mapping.engine.formats import frames
    from cim.mapping.engine.mapper import Mapper, State

    for frame in frames(mapping.mapping, io.BytesIO(b"meter;time;kwh\nm;01.01.2024 00:00;1\n")):
        Mapper(mapping.mapping).apply(frame, State())


def _text_broken(text: str, draw: random.Random) -> str:
    at = draw.randrange(len(text))
    match draw.randrange(5):
        case 0:
            return text[:at] + draw.choice("{}[]:,#&*!|>%@`\"'\n\t -0\x00ü") + text[at + 1 :]
        case 1:
            lines = text.split("\n")
            lines.insert(draw.randrange(len(lines)), lines[draw.randrange(len(lines))])
            return "\n".join(lines)
        case 2:
            return text[:at] + text[at + draw.randrange(1, 20) :]
        case 3:
            words = text.split(" ")
            words[draw.randrange(len(words))] = draw.choice(
                (*_ODD[:10], "1e400", "-5", "true", "{}", "[1, 2]", "9999999999")
            )
            return " ".join(words)
        case _:
            return text[:at] + draw.choice(_ODD) + text[at:]
