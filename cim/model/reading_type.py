"""The ReadingType code of IEC 61968-9 annex C: 18 numbers that say what a value is, read, checked and built.

Example: `0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0` is energy (12) in kWh (3.72) taken from the grid (1), as the
difference (4) over each quarter-hour (2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from functools import lru_cache

from cim.model import reading_codes as codes
from cim.model.errors import BadInput

# The standard's names in the code's order; what each number may be, where the standard lists it.
FIELDS: tuple[tuple[str, Mapping[int, str] | None], ...] = (
    ("macroPeriod", codes.MACRO_PERIODS),
    ("aggregate", codes.AGGREGATES),
    ("measuringPeriod", codes.MEASURING_PERIODS),
    ("accumulation", codes.ACCUMULATIONS),
    ("flowDirection", codes.FLOW_DIRECTIONS),
    ("commodity", codes.COMMODITIES),
    ("measurementKind", codes.MEASUREMENT_KINDS),
    ("interharmonicNumerator", None),
    ("interharmonicDenominator", None),
    ("argumentNumerator", None),
    ("argumentDenominator", None),
    ("tou", None),
    ("cpp", None),
    ("consumptionTier", None),
    ("phases", codes.PHASES),
    ("multiplier", codes.MULTIPLIERS),
    ("unit", codes.UNITS),
    ("currency", None),
)
_PERCENT = -2  # the multiplier
_LARGEST = 65_535  # of a field without a list (a currency is an ISO 4217 number, below 1,000)


@dataclass(frozen=True, slots=True)
class ReadingType:
    """What a value is (CIM ReadingType); every field is the code's number, 0 = not said.

    Raises:
        BadInput: a field holds a number that the standard does not know.
    """

    macro_period: int = 0
    aggregate: int = 0
    measuring_period: int = 0
    accumulation: int = 0
    flow_direction: int = 0
    commodity: int = 0
    measurement_kind: int = 0
    interharmonic_numerator: int = 0
    interharmonic_denominator: int = 0
    argument_numerator: int = 0
    argument_denominator: int = 0
    tou: int = 0
    cpp: int = 0
    consumption_tier: int = 0
    phases: int = 0
    multiplier: int = 0
    unit: int = 0
    currency: int = 0

    def __post_init__(self) -> None:
        for place, ((name, allowed), number) in enumerate(zip(FIELDS, astuple(self), strict=True), 1):
            if allowed is not None and number not in allowed:
                raise BadInput(f"reading type: {name} (field {place}) is {number}, which IEC 61968-9 does not list")
            largest = 999 if name == "currency" else _LARGEST
            if allowed is None and not 0 <= number <= largest:
                raise BadInput(f"reading type: {name} (field {place}) is {number}, expected 0 to {largest}")

    def __str__(self) -> str:
        return self.code

    @property
    def code(self) -> str:
        """The 18 numbers with dots between them (CIM: ReadingType.mRID)."""
        return ".".join(map(str, astuple(self)))

    @property
    def unit_name(self) -> str:
        """The unit with its prefix, for example `kWh`; empty where the code says none."""
        return codes.MULTIPLIERS[self.multiplier] + codes.UNITS[self.unit] if self.unit else ""

    @property
    def unit_word(self) -> str:
        """The same for people: a hundredth without a unit is `%`."""
        return self.unit_name or ("%" if self.multiplier == _PERCENT else "")

    @property
    def factor(self) -> float:
        """What a value is multiplied with to be in the unit without prefix (0.01 for percent)."""
        return float(f"1e{self.multiplier}")

    @property
    def flow(self) -> str:
        """The flow's name: `forward` is taken from the grid, `reverse` given to it, `net` is + for taken."""
        return codes.FLOW_DIRECTIONS[self.flow_direction]

    @property
    def words(self) -> str:
        """What is measured, in words that keep a device's series apart: `energy forward`, `maximum power net`, `voltage`.

        `indicating` is what a store holds at the instant, beside what has flowed.
        """
        accumulation, is_energy = codes.ACCUMULATIONS[self.accumulation], self.kind_name == "energy"
        told = (
            codes.AGGREGATES[self.aggregate] if self.aggregate else "",
            self.kind_name if self.measurement_kind else self._thing,
            accumulation if is_energy and accumulation == "indicating" else "",
            self.flow if self.flow_direction else "",
        )
        return " ".join(filter(None, told))

    @property
    def _thing(self) -> str:
        """Of what a kind that the standard does not name is: its commodity (`air`), else its unit (`status`)."""
        return codes.COMMODITIES[self.commodity] if self.commodity else self.unit_name

    @property
    def kind_name(self) -> str:
        """What is measured: `energy`, `power`, `voltage`, ..."""
        return codes.MEASUREMENT_KINDS[self.measurement_kind]

    @property
    def interval_s(self) -> int:
        """Seconds of one interval; 0 where the value is of an instant, or of a period without a fixed length."""
        return codes.PERIOD_S.get(self.measuring_period, codes.MACRO_PERIOD_S.get(self.macro_period, 0))

    def names(self) -> dict[str, str]:
        """`{field of the standard: its name or number}` of all fields that say something."""
        said = zip(FIELDS, astuple(self), strict=True)
        return {name: allowed[n] if allowed else str(n) for (name, allowed), n in said if n}


@lru_cache(maxsize=4096)
def parse_reading_type(code: str) -> ReadingType:
    """The ReadingType of `code`; parsed once each, since rows by the million name a handful.

    Raises:
        BadInput: it has not 18 fields, a field is no whole number, or a number is not in the standard's list.
    """
    parts = code.split(".")
    if len(parts) != len(FIELDS):
        raise BadInput(f"reading type {code[:80]!r} has {len(parts)} fields, expected 18 (IEC 61968-9 annex C)")
    numbers = []
    for place, ((name, _), part) in enumerate(zip(FIELDS, parts, strict=True), 1):
        digits = part.removeprefix("-") if name == "multiplier" else part
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 5):
            raise BadInput(f"reading type {code[:80]!r}: {name} (field {place}) is {part[:20]!r}, not a whole number")
        numbers.append(int(part))
    return ReadingType(*numbers)


def build_reading_type(kind: str, unit: str, *, interval_s: int = 0, **named: str) -> ReadingType:
    """A ReadingType from names: `build_reading_type("energy", "kWh", interval_s=900, flow_direction="forward")`.

    `unit` may carry a prefix; `interval_s` is the length of a measuring period (0: instantaneous or a counter); further
    fields by their name in `ReadingType` with the standard's name of the value. Electricity unless `commodity` is said.

    Raises:
        BadInput: a name, a unit or an interval that the standard does not know.
    """
    multiplier, unit_code = split_unit(unit)
    numbers = {"measurement_kind": _number("measurementKind", kind), "multiplier": multiplier, "unit": unit_code}
    known = {field.name: name for field, (name, _) in zip(fields(ReadingType), FIELDS, strict=True)}
    for field, name in ({"commodity": "electricitySecondaryMetered"} | named).items():
        if field not in known:
            raise BadInput(f"reading type: {field!r} is no field of it; expected one of {', '.join(known)}")
        numbers[field] = _number(known[field], name)
    if interval_s:
        period = next((code for code, seconds in codes.PERIOD_S.items() if seconds == interval_s), None)
        if period is None:
            lengths = ", ".join(str(s) for s in sorted(set(codes.PERIOD_S.values())))
            raise BadInput(f"reading type: no measuring period has {interval_s} s; the standard has {lengths}")
        numbers["measuring_period"] = period
    return ReadingType(**numbers)


def split_unit(text: str) -> tuple[int, int]:
    """(power of ten, unit number) of a unit with its prefix: `kWh` -> (3, 72); `%` -> (-2, 0).

    Raises:
        BadInput: neither a unit of the standard nor one with a prefix of it.
    """
    if text == "%":
        return -2, 0  # a hundredth of a number without dimension: the standard has no unit for percent
    number = {name: code for code, name in codes.UNITS.items()}
    if text in number:
        return 0, number[text]
    for power, prefix in codes.MULTIPLIERS.items():
        if prefix and text.startswith(prefix) and text[len(prefix) :] in number:
            return power, number[text[len(prefix) :]]
    raise BadInput(f"unit {text[:40]!r} is none of IEC 61968-9 (for example W, kWh, VAr, V, degC, %)")


def _number(field: str, name: str) -> int:
    """The number of `name` in the list of `field`, or a plain number where the standard has no list."""
    allowed = dict(FIELDS)[field]
    if allowed is None:
        if not (name.isascii() and name.isdigit() and len(name) <= 5):
            raise BadInput(f"reading type: {field} is {name[:40]!r}, expected a whole number")
        return int(name)
    for number, known in allowed.items():
        if known == name:
            return number
    raise BadInput(f"reading type: {field} is {name[:40]!r}, expected one of {', '.join(allowed.values())[:200]}")
