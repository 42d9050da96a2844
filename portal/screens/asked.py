"""What was asked of an agent and what it has answered, in words and in local time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime

from cim.model.intervals import LocalDay
from portal.actions import ActionTold
from portal.screens.markup import Cell, Html, digits, mark, section, table
from portal.screens.seen import Seen

_TONES = {"accepted": "good", "refused": "bad", "waiting": "warn", "handed": "warn"}
# An instant as agents write it; screens.js has the same for answers that come while one looks.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)")
_LONG = 36  # a reference
Fields = Mapping[str, str | bool | int | None]


def in_local_time(seen: Seen, words: str) -> str:
    """A sentence whose instants are in the site's local time."""

    def local(found: re.Match[str]) -> str:
        with suppress(ValueError):
            return f"{seen.local(datetime.fromisoformat(found[0])):%Y-%m-%d %H:%M}"
        return found[0]

    return _INSTANT.sub(local, words)


def asked_words(seen: Seen, request: Fields) -> str:
    """What was asked for as people read it: points by their title, ISPs by the clock, powers in kW, instants in local time."""
    rest = {name: value for name, value in request.items() if value is not None}
    found = []
    if (point := rest.pop("point", None)) is not None:
        found.append(seen.title(str(point)))
    if "first_isp" in rest and "last_isp" in rest:
        found.append(_span(seen, str(rest.pop("period")), int(rest.pop("first_isp")), int(rest.pop("last_isp"))))
    found += [_field(seen, name, value) for name, value in rest.items()]
    return ", ".join(found)


def _span(seen: Seen, period: str, first: int, last: int) -> str:
    day = LocalDay(date.fromisoformat(period), seen.site.timezone, seen.site.isp_minutes)
    begin, end = seen.local(day.isp_start(first)), seen.local(day.isp_start(last + 1))
    return f"{period} {begin:%H:%M}–{end:%H:%M}"


def _field(seen: Seen, name: str, value: str | bool | int) -> str:
    if name == "power_w" and not isinstance(value, str):
        return f"{digits(value / 1000, 1, plus=True)} kW"
    if name.endswith("_pct"):
        words = {
            "factor": "",
            "feed_in": "feed-in at most ",
            "carries": "carries ",
            "consumption": "consumption at most ",
        }
        of = name.removesuffix("_pct")
        return f"{words.get(of, of.replace('_', ' ') + ' ')}{value} %"
    if name == "choose_until":
        name = "you choose until"
    elif isinstance(value, bool):
        return name if value else f"not {name}"
    shown = in_local_time(seen, str(value))
    if name in ("offer", "option", "works") and len(shown) >= _LONG:
        shown = f"{shown[:8]}…{shown[_LONG:]}"
    return shown if name in ("period", "words") else f"{name.replace('_', ' ')} {shown}"


def answers(seen: Seen, asked: Sequence[ActionTold], whose: str = "the DSO's") -> Html:
    """What was asked of an agent, and what it has answered."""

    def instant(at: datetime | None) -> Cell:
        return None if at is None else seen.local(at)

    rows = (
        (
            instant(one.at),
            one.kind,
            mark(one.state.value, _TONES.get(one.state.value, "")),
            asked_words(seen, one.request),
            in_local_time(seen, one.reason),
            one.by,
            instant(one.answered_at),
        )
        for one in asked
    )
    head = ("asked at (local)", "what", "state", "asked for", "answer", "by", "answered at (local)")
    return section(
        "Asked and answered",
        table("Newest first", head, rows, f"Nobody has asked {whose} agent for anything yet.", seen.rows),
        name="answers",
    )
