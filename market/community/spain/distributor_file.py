"""The file of coefficients that goes to the distributor: `{CAU}_{year}.txt`, written and read.

UTF-8 without a byte-order mark, `;` between fields, a decimal comma and six decimals. Fixed coefficients: `CUPS;0,250000`.
One for each hour: `CUPS;0001;0,250000` for hours 0001 to 8760. What is due for a leap year's last day was not seen, so
hourly files of leap years are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Ints
from cim.model.errors import BadInput
from market.community.exact import MILLION
from market.community.spain.coefficients import check_sums, decimal

HOURS = 8760
_CUPS = re.compile(r"ES(\d{16})([A-Z]{2})(\d[FPCRXYZ])")
_CAU = re.compile(r"ES\d{16}[A-Z]{2}(\d[FPCRXYZ])?A\d{3}")
_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_VALUE = re.compile(r"[01],\d{6}")


@dataclass(frozen=True, eq=False)
class CoefficientFile:
    """What a file says.

    Attributes:
        cau: the plant's code of self-consumption (CAU).
        cups: the members' supply points, in the file's order.
        e6: [1, n] or [8760, n] millionths.
    """

    cau: str
    year: int
    cups: tuple[str, ...]
    e6: Ints

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.cau}_{self.year}.txt"


def check_cups(cups: str) -> None:
    """Whether a supply point's code can be: `ES`, 16 digits, two letters of control, two characters of the point; 22 in all.

    Raises:
        BadInput: it cannot.
    """
    found = _CUPS.fullmatch(cups)
    if found is None:
        raise BadInput(f"CUPS: {cups!r}; expected 22 characters: ES, 16 digits, 2 letters, a digit and a letter")
    first, second = divmod(int(found[1]) % (len(_LETTERS) ** 2), len(_LETTERS))
    expected = _LETTERS[first] + _LETTERS[second]
    if found[2] != expected:
        raise BadInput(f"CUPS: {cups!r} has the letters of control {found[2]}; expected {expected}")


def coefficient_file(cau: str, year: int, cups: Sequence[str], e6: Ints) -> CoefficientFile:
    """A file's content, checked.

    Raises:
        BadInput: codes, sums or a number of hours that no file can have.
    """
    if _CAU.fullmatch(cau) is None:
        raise BadInput(f"CAU: {cau!r}; expected a supply point's code followed by A and three digits")
    for code in cups:
        check_cups(code)
    if len(set(cups)) != len(cups):
        raise BadInput("CUPS: one twice; expected each once")
    rows = np.asarray(e6, dtype=np.int64)
    if rows.shape not in ((1, len(cups)), (HOURS, len(cups))):
        raise BadInput(
            f"coefficients of {year}: shape {rows.shape}; expected 1 or {HOURS} hours of {len(cups)} members"
        )
    if len(rows) == HOURS and _is_leap(year):
        raise BadInput(f"year: {year} has 8784 hours; expected a year of {HOURS}: the rule for leap years was not seen")
    check_sums(rows)
    return CoefficientFile(cau, year, tuple(cups), rows)


def written(file: CoefficientFile) -> str:
    """The file's text: a supply point after the other, each by hour."""
    columns = zip(file.cups, file.e6.T.tolist(), strict=True)
    if len(file.e6) == 1:
        return "".join(f"{code};{decimal(column[0])}\n" for code, column in columns)
    return "".join(
        f"{code};{hour:04d};{decimal(value)}\n"
        for code, column in columns
        for hour, value in enumerate(column, start=1)
    )


def read(name: str, data: bytes) -> CoefficientFile:
    """A file from its name and bytes.

    Raises:
        BadInput: the first thing that is wrong, with its line.
    """
    cau, _, rest = name.rpartition("_")
    if not re.fullmatch(r"\d{4}\.txt", rest):
        raise BadInput(f"file name: {name!r}; expected CAU_YEAR.txt")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{name}: byte {error.start} is no UTF-8; expected UTF-8 without a byte-order mark") from None
    if text.startswith("\ufeff"):
        raise BadInput(f"{name}: begins with a byte-order mark; expected none")
    values: dict[str, dict[int, int]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        code, hour, value = _fields(f"{name}, line {number}", line)
        if hour in values.setdefault(code, {}):
            raise BadInput(f"{name}, line {number}: {code} hour {hour:04d} twice; expected each hour once")
        values[code][hour] = value
    rows = _rows(name, values)
    return coefficient_file(cau, int(rest[:4]), tuple(values), rows)


def _fields(place: str, line: str) -> tuple[str, int, int]:
    """(CUPS, hour or 0 where it is fixed, millionths)."""
    parts = line.split(";")
    if len(parts) not in (2, 3) or not _VALUE.fullmatch(parts[-1]):
        raise BadInput(f"{place}: {line!r}; expected CUPS;0,250000 or CUPS;0001;0,250000")
    hour = 0
    if len(parts) == 3:
        if not re.fullmatch(r"\d{4}", parts[1]) or not 1 <= int(parts[1]) <= HOURS:
            raise BadInput(f"{place}: hour {parts[1]!r}; expected 0001 to {HOURS}")
        hour = int(parts[1])
    whole, _, fraction = parts[-1].partition(",")
    return parts[0], hour, int(whole) * MILLION + int(fraction)


def _rows(name: str, values: dict[str, dict[int, int]]) -> Ints:
    if not values:
        raise BadInput(f"{name}: empty; expected a line for each supply point")
    expected = [0] if 0 in next(iter(values.values())) else list(range(1, HOURS + 1))
    for code, by_hour in values.items():
        if sorted(by_hour) != expected:
            said = "fixed" if expected == [0] else f"{HOURS} hours"
            raise BadInput(f"{name}: {code} has {len(by_hour)} lines; expected {said}, as the first supply point")
    return np.array([[values[code][hour] for code in values] for hour in expected], dtype=np.int64)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
