"""What an incident is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class IncidentKind(StrEnum):
    """What can go wrong."""

    DEVICE_LOST = "device or meter lost"
    NOT_METERED = "not metered"
    SITE_NOT_METERED = "site not metered"
    METERS_DISAGREE = "meters disagree"
    READING_REFUSED = "reading refused"
    SUSPENDED = "element suspended"
    OVERRIDDEN = "element kept by its owner"
    DOUBTED = "prognoses doubted"
    LIMITED = "feed-in limited"
    NOT_TAKEN = "message not taken"
    COMMAND_REFUSED = "command refused"
    ORDER_REFUSED = "order refused"
    WORK_FAILED = "calculation failed"
    HANDLING_FAILED = "agent failed"
    NOT_RECORDED = "not recorded"
    RULE_BROKEN = "rule broken"
    DISPUTED = "dispute decided"
    COPIES = "copies of meter data differ"
    HEAD_REFUSED = "head refused"
    MEMORY_LOST = "memory lost"


@dataclass(frozen=True)
class Incident:
    """Something that went wrong, once or several times.

    Attributes:
        at: the first time.
        who: an agent, a device or a connection.
        money: what it did to the money, in words.
        neither_wh: ordered where nobody metered: neither paid nor fined.
        paid_e4: what the DSO paid because of it.
    """

    at: datetime
    kind: IncidentKind
    who: str
    what: str
    money: str
    times: int = 1
    neither_wh: int = 0
    paid_e4: int = 0


def spans(isps: tuple[int, ...]) -> str:
    """ISP numbers in order, runs of them as `first–last`."""
    runs: list[list[int]] = []
    for isp in isps:
        if runs and isp == runs[-1][1] + 1:
            runs[-1][1] = isp
        else:
            runs.append([isp, isp])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)
