"""What a published asset can do over the day, and when: power bands by time of day, and times at which it is offered."""

from __future__ import annotations

from dataclasses import dataclass

from cim.codec.codec import wire
from cim.model.errors import BadInput

_DAY = 1440


@wire("market.PowerBand")
@dataclass(frozen=True, slots=True)
class PowerBand:
    """Between which net powers an asset can run in a part of the local day.

    Attributes:
        start_minute, end_minute: after local midnight, the end excluded, up to 1440.
        min_w, max_w: net power, watts, + = consumption.
    """

    start_minute: int
    end_minute: int
    min_w: int
    max_w: int

    def __post_init__(self) -> None:
        _check_minutes("band", self.start_minute, self.end_minute)
        if self.min_w > self.max_w:
            raise BadInput(f"band: {self.min_w} W to {self.max_w} W; expected the lower power first")


@wire("market.OfferedTimes")
@dataclass(frozen=True, slots=True)
class OfferedTimes:
    """When its owner offers an asset: days (ISO numbers, 1 = Monday) and hours (minutes after local midnight)."""

    days_of_week: tuple[int, ...]
    start_minute: int
    end_minute: int

    def __post_init__(self) -> None:
        _check_minutes("offered times", self.start_minute, self.end_minute)
        days = self.days_of_week
        if not days or list(days) != sorted(set(days)) or not 1 <= days[0] <= days[-1] <= 7:
            raise BadInput(f"offered times: days of week {days}; expected ascending numbers of 1 (Monday) to 7")

    def covers(self, day_of_week: int, minute: int) -> bool:
        """Whether a minute of a weekday lies in it."""
        return day_of_week in self.days_of_week and self.start_minute <= minute < self.end_minute


@wire("market.UserSetting")
@dataclass(frozen=True, slots=True)
class UserSetting:
    """What an asset's owner insists on, for example `departure_hour` = `7`; for people and for its own agent."""

    name: str
    value: str


def _check_minutes(what: str, start: int, end: int) -> None:
    if not 0 <= start < end <= _DAY:
        raise BadInput(f"{what}: minutes {start} to {end}; expected 0 <= start < end <= {_DAY}")
