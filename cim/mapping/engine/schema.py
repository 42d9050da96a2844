"""What a mapping file may say: which columns of a source are which CIM readings, in which unit, zone and sign."""

from __future__ import annotations

import codecs
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cim.mapping.engine.quantities import is_counter, reading_type_of
from cim.mapping.engine.time_texts import check_pattern
from cim.mapping.engine.units import conversion
from cim.model.worded import Worded

Name = Annotated[str, Field(min_length=1, max_length=200)]
Marker = str | int | float


class Strict(BaseModel):
    """A part of a configuration: unknown fields are refused, since a misspelt one would silently do nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Written(Strict):
    """How numbers are written: `decimal` and, where thousands are parted, by what."""

    decimal: Literal[".", ","] = "."
    thousands: Literal[".", ",", " ", "'"] | None = None

    @model_validator(mode="after")
    def _signs_differ(self) -> Self:
        if self.thousands == self.decimal:
            raise ValueError(f"thousands and decimal are both {self.decimal!r}; expected two signs")
        return self


class CsvFormat(Written):
    """Lines of text. `header_row`: its line's number (what stands above is passed over); 0: none, columns are `1`, `2`, ..."""

    kind: Literal["csv"]
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    header_row: Annotated[int, Field(ge=0, le=1000)] = 1
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        try:
            newline = "\n".encode(codecs.lookup(self.encoding).name)
        except (LookupError, UnicodeError):
            raise ValueError(
                f"encoding {self.encoding!r} is not known; expected for example utf-8, latin-1, cp1252"
            ) from None
        if newline != b"\n":
            raise ValueError(
                f"encoding {self.encoding!r} has no one-byte line ends; expected for example utf-8, latin-1"
            )
        if not (self.delimiter.isascii() and self.quote.isascii()) or self.delimiter in "\r\n" or self.quote in "\r\n":
            raise ValueError("delimiter and quote; expected a plain character")
        if self.delimiter in {self.quote, self.decimal}:
            raise ValueError(f"delimiter is {self.delimiter!r} as is quote or decimal; expected another character")
        return self


class JsonFormat(Written):
    """JSON. `rows`: the path to the records; `lines`: a record a line; `parallel`: an object of lists, one a column."""

    kind: Literal["json"]
    rows: str = ""
    lines: bool = False
    parallel: bool = False


class ParquetFormat(Written):
    """An Apache Parquet file."""

    kind: Literal["parquet"]


Format = Annotated[CsvFormat | JsonFormat | ParquetFormat, Field(discriminator="kind")]


class Text(Strict):
    """A text of each record: a column's, or the same for all; then put into `lookup` and after `prefix`."""

    column: Name | None = None
    constant: Name | None = None
    prefix: str = ""
    lookup: dict[str, Name] | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: object) -> object:
        return {"column": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.column is None) == (self.constant is None):
            raise ValueError("one of column and constant is expected")
        return self


class Season(Strict):
    """A column that tells the two passes of October's doubled hour apart."""

    column: Name
    summer: tuple[str, ...]
    winter: tuple[str, ...]


class Instant(Strict):
    """When: a column, or several joined by a blank.

    Attributes:
        pattern: `iso`, `epoch_s`, `epoch_ms`, or for example `%d/%m/%Y %H:%M` (24:00 is the next day's 00:00).
        hour_number: a column with the number of the hour in the local day, from 1 (to 25 in October, 23 in March).
        zone: of times that carry no offset: an IANA name.
        marks: whether the time is that of an interval's begin or end.
        interval_s: length of an interval; 0: values are of instants.
    """

    column: Name | tuple[Name, ...]
    pattern: str = "iso"
    zone: str = "UTC"
    marks: Literal["begin", "end"] = "begin"
    interval_s: Annotated[int, Field(ge=0, le=31 * 86_400)] = 0
    hour_number: Name | None = None
    season: Season | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is read from, in order."""
        return (self.column,) if isinstance(self.column, str) else self.column

    @model_validator(mode="after")
    def _holds(self) -> Self:
        check_pattern(self.pattern)
        if not self.columns:
            raise ValueError("column: none; expected one or more")
        try:
            ZoneInfo(self.zone)
        except (OSError, ValueError, KeyError):
            raise ValueError(f"zone {self.zone!r} is not known; expected for example Europe/Vienna or UTC") from None
        if self.marks == "end" and not self.interval_s:
            raise ValueError("marks: end needs interval_s")
        if self.hour_number is not None and self.interval_s != 3600:
            raise ValueError(f"hour_number needs interval_s 3600, not {self.interval_s}")
        return self


class QualityColumn(Strict):
    """A column that says how good a record is; what is not listed is taken as `otherwise`."""

    column: Name
    values: dict[str, Literal["GOOD", "STALE", "ABSENT", "INVALID"]]
    otherwise: Literal["GOOD", "STALE", "INVALID"] = "INVALID"


class Value(Strict):
    """One reading of each record.

    Attributes:
        reading_type: a ReadingType code, or a name such as `energy_import` or `power`.
        unit: of the column; `scale` multiplies before it, `sign: -1` where the source counts the other way.
        missing: what stands for no value (beside an empty cell); replaces the mapping's own list.
        when_missing: keep a reading of quality ABSENT, none at all, or put the record into quarantine.
        low, high, max_change_per_hour: of the column's own numbers; `outside` says what becomes of the others.
        where: only of records whose columns hold these texts.
    """

    column: Name
    reading_type: Name
    unit: Name
    scale: float = 1.0
    sign: Literal[1, -1] = 1
    missing: tuple[Marker, ...] | None = None
    when_missing: Literal["absent", "skip", "quarantine"] = "absent"
    low: float | None = None
    high: float | None = None
    max_change_per_hour: Annotated[float, Field(gt=0)] | None = None
    outside: Literal["quarantine", "invalid"] = "quarantine"
    where: dict[str, str] = {}
    meter: Text | None = None
    usage_point: Text | None = None

    @model_validator(mode="after")
    def _holds(self) -> Self:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        if self.scale == 0:
            raise ValueError("scale: 0; expected another factor")
        return self


class Mapping(Strict):
    """A whole mapping file: see docs/data.md."""

    name: Annotated[
        str,
        Worded(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", "letters, digits, . _ -, the first a letter or digit, at most 64"),
    ]
    format: Format
    instant: Instant
    usage_point: Text
    meter: Text
    values: Annotated[tuple[Value, ...], Field(min_length=1, max_length=1000)]
    missing: tuple[Marker, ...] = ("NaN", "N/A", "null")
    quality: QualityColumn | None = None

    @model_validator(mode="after")
    def _units_fit(self) -> Self:
        for place, value in enumerate(self.values):
            try:
                reading_type = reading_type_of(value.reading_type, self.instant.interval_s)
                conversion(value.unit, reading_type)
            except Exception as error:
                raise ValueError(f"values[{place}] ({value.column}): {error}") from None
            if is_counter(value.reading_type) and value.sign == -1:
                raise ValueError(
                    f"values[{place}] ({value.column}): a counter has no sign; name counter_export instead"
                )
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column (or path) that is read, once each."""
        found = [*self.instant.columns]
        found += [self.instant.hour_number] if self.instant.hour_number else []
        found += [self.instant.season.column] if self.instant.season else []
        found += [self.quality.column] if self.quality else []
        texts = [self.usage_point, self.meter]
        for value in self.values:
            found += [value.column, *value.where]
            texts += [text for text in (value.meter, value.usage_point) if text is not None]
        found += [text.column for text in texts if text.column is not None]
        return tuple(dict.fromkeys(found))
