"""How agents and devices are, and what went wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cim.platform.publications.base import Publication
from cim.platform.publications.incidents import (
    ElementSuspended,
    HandlingFailed,
    MemoryLost,
    MessageLapsed,
    MetersDisagree,
    PointNotMetered,
    RuleBroken,
    SiteNotMetered,
    WorkFailed,
)
from cim.platform.publications.ledger import HeadRefused, HistorySplit, RecordRefused
from cim.platform.publications.measured import CommandRefused, DeviceBack, DeviceLost, ReadingRefused
from cim.platform.publications.trading import OrderRefused
from portal.models import Health, Status
from portal.screens.asked import in_local_time
from portal.screens.markup import Figure, Html, acting, figures, hidden, lately, mark, note, section, table
from portal.screens.page import Parts
from portal.screens.seen import Seen
from portal.shift_log import NoteTold

_WRONG: dict[type[Publication], tuple[str, Callable[[Any], str]]] = {
    DeviceLost: ("device lost", lambda one: f"{one.device}: {one.reason}"),
    CommandRefused: ("command refused", lambda one: f"{one.device}: {one.reason}"),
    ReadingRefused: ("reading refused", lambda one: f"{one.device}: {one.reason}"),
    HandlingFailed: ("agent failed", lambda one: f"at {one.event}: {one.error}"),
    WorkFailed: ("calculation failed", lambda one: f"{one.what} of {one.about}: {one.error}"),
    MemoryLost: ("memory lost", lambda one: "; ".join(one.what)),
    MessageLapsed: ("message lapsed", lambda one: f"{one.what} {one.about} from {one.peer}: {one.reason}"),
    RuleBroken: ("rule broken", lambda one: f"by {one.by}: {one.reason}"),
    PointNotMetered: ("not metered", lambda one: f"{one.seller} at {one.congestion_point}, {len(one.isps)} ISPs"),
    SiteNotMetered: ("site not metered", lambda one: f"{len(one.isps)} ISPs of {one.period}"),
    MetersDisagree: ("meters disagree", lambda one: f"{one.usage_point}, {len(one.isps)} ISPs: {one.reason}"),
    ElementSuspended: ("suspended", lambda one: f"{one.element}: {one.unmetered_isps} ISPs not metered"),
    OrderRefused: ("order refused", lambda one: f"{one.order_reference}: {one.reason}"),
    HeadRefused: ("head not co-signed", lambda one: f"block {one.number}: {one.reason}"),
    HistorySplit: ("two histories", lambda one: f"block {one.number} of {one.keeper}"),
    RecordRefused: ("record refused", lambda one: f"{one.reference}: {one.reason}"),
}
_GRAVE = frozenset(
    {DeviceLost, HandlingFailed, WorkFailed, MemoryLost, RuleBroken, SiteNotMetered, HistorySplit, HeadRefused}
)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that went otherwise than it should: when (UTC), who told it, what, and whether somebody should look."""

    at: datetime
    agent: str
    what: str
    words: str
    grave: bool
    open: bool = False


def alarm_key(one: Alarm) -> str:
    """By what it says, so that it is the same in every store and after every restart."""
    told = f"{one.at.isoformat()}\n{one.agent}\n{one.what}\n{one.words}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def seen_by(seen: Seen) -> dict[str, NoteTold]:
    """By the key of an alarm, who has seen it, by the newest note about it."""
    notes = [] if seen.actions is None else seen.actions.shift.notes()
    return {one.about: one for one in reversed(notes) if one.about}


def alarms(seen: Seen, since: datetime | None = None) -> list[Alarm]:
    """All of them, or those since an instant and the open ones, newest first; a lost device is open until it is back."""
    back: dict[str, datetime] = {}
    for told in seen.store.told(DeviceBack):
        back[told.publication.device] = told.publication.at
    found = []
    for family, (what, words) in _WRONG.items():
        for one in seen.store.told(family, None if family is DeviceLost else since):
            shown = one.publication
            lost = isinstance(shown, DeviceLost)
            open_ = isinstance(shown, DeviceLost) and not (shown.device in back and back[shown.device] >= shown.at)
            grave = family in _GRAVE and not (isinstance(shown, ElementSuspended) and not shown.suspended)
            if since is not None and shown.at < since and not open_:
                continue
            found.append(Alarm(shown.at, one.agent, what, words(shown), grave and (open_ or not lost), open_))
    return sorted(found, key=lambda one: one.at, reverse=True)


def make_alarms(seen: Seen) -> Parts:
    """The page of alarms with their history."""
    found = alarms(seen, seen.since)
    kinds: dict[str, int] = {}
    for one in found:
        kinds[one.what] = kinds.get(one.what, 0) + 1
    open_now, known = [one for one in found if one.open], seen_by(seen)
    unseen = [one for one in found if one.grave and alarm_key(one) not in known]
    lives = seen.actions is not None
    often = sorted(kinds.items(), key=lambda one: -one[1])
    return (
        section(
            "Alarms",
            figures(
                Figure("open now", len(open_now), "", "bad" if open_now else "good"),
                Figure("in the last 24 h", sum(1 for one in found if one.at > seen.now - timedelta(days=1))),
                Figure("since the site began" if seen.since is None else "in the time shown", len(found)),
                *((Figure("grave, seen by nobody", len(unseen), "", "bad" if unseen else "good"),) if lives else ()),
            ),
            lately(seen.since),
            *((_unseen(seen, unseen),) if lives else ()),
            table(
                "Open: devices that do not answer",
                ("since (local)", "what"),
                ((seen.local(one.at), _read(seen, one)) for one in open_now),
                "No device is lost.",
            ),
            name="open",
        ),
        section(
            "History",
            table(
                "By kind",
                ("kind", "how often"),
                often,
                "Nothing has gone wrong in that time.",
            ),
            alarm_table(seen, found, "All, newest first"),
            name="history",
        ),
    )


def alarm_table(seen: Seen, found: Sequence[Alarm], caption: str) -> Html:
    """Alarms as rows."""
    known, lives = seen_by(seen), seen.actions is not None
    rows = (
        (
            seen.local(one.at),
            mark(one.what, "bad" if one.grave else "warn"),
            one.agent,
            _read(seen, one),
            *((_seen_words(seen, known.get(alarm_key(one))),) if lives else ()),
        )
        for one in found
    )
    head = ("at (local)", "kind", "told by", "what", *(("seen by",) if lives else ()))
    return table(caption, head, rows, "Nothing has gone wrong.", seen.rows)


def _read(seen: Seen, one: Alarm) -> str:
    """An alarm as people read it: places in words, instants in local time."""
    return in_local_time(seen, seen.titled(one.words[:300]))


def _seen_words(seen: Seen, told: NoteTold | None) -> str:
    return "" if told is None else f"{told.by}, {seen.local(told.at):%m-%d %H:%M}: {told.words}"


def _unseen(seen: Seen, found: Sequence[Alarm]) -> Html:
    """Grave alarms that nobody has seen, each with the form to say that one has."""
    rows = ((_seen_form(one), seen.local(one.at), mark(one.what, "bad"), one.agent, _read(seen, one)) for one in found)
    head = ("seen, and what is done about it", "at (local)", "kind", "told by", "what")
    none = "No grave alarm waits to be seen."
    return table("Grave, seen by nobody yet; newest first", head, rows, none, min(seen.rows, 20) if seen.rows else 0)


def _seen_form(one: Alarm) -> Html:
    key = alarm_key(one)
    fields = hidden("about", key) + Html('<input name="words" aria-label="note" required maxlength="500" value="seen">')
    return acting("/dso/log", f"seen-{key}", fields, "Seen")


def amiss(health: Health) -> str:
    """What makes a site degraded, in words; empty where nothing does."""
    silent = [agent.name for agent in health.agents if not agent.alive]
    faulty = [agent.device or agent.name for agent in health.agents if agent.device_fault]
    found = []
    if silent:
        found.append(f"{len(silent)} of {len(health.agents)} agents have not answered just now")
    if faulty:
        found.append(
            f"devices with a fault: {', '.join(faulty[:5])}{f' and {len(faulty) - 5} more' if len(faulty) > 5 else ''}"
        )
    if health.failed_events:
        found.append(f"{len(health.failed_events)} messages failed")
    if health.journal.state == "away":
        found.append(health.journal.detail)
    return "; ".join(found)


def make_health(seen: Seen) -> Parts:
    """The page of agents, devices and the journal."""
    health = seen.health
    tone = {Status.OK: "good", Status.FINISHED: "", Status.DEGRADED: "warn", Status.DOWN: "bad"}[health.status]
    alive = sum(agent.alive for agent in health.agents)
    roles: dict[str, list[int]] = {}
    for agent in health.agents:
        counted = roles.setdefault(agent.role, [0, 0, 0, 0])
        for place, value in enumerate((1, int(agent.alive), agent.waiting, agent.failed_events)):
            counted[place] += value
    faulty = [
        agent
        for agent in health.agents
        if agent.device_fault or not agent.alive or agent.failed_events or agent.restarts
    ]
    lived = len(health.agents)
    over = health.status is Status.FINISHED
    return (
        section(
            "Health",
            figures(
                Figure("site", health.status.value, "", tone),
                Figure(
                    "agents alive",
                    f"{alive} of {lived}" if lived else "the run is over",
                    "",
                    "bad" if alive < lived else "",
                ),
                Figure("messages waiting", sum(agent.waiting for agent in health.agents)),
                Figure("failed events", len(health.failed_events), "", "bad" if health.failed_events else "good"),
                Figure("journal", health.journal.state),
                Figure("site's time", f"{seen.local(health.now):%Y-%m-%d %H:%M}", seen.site.timezone),
            ),
            note(f"Degraded: {amiss(health)}." if health.status is Status.DEGRADED else health.journal.detail),
            name="health",
        ),
        section(
            "Agents",
            table(
                "By role",
                ("role", "agents", "alive", "waiting", "failed events"),
                ((role, *counted) for role, counted in sorted(roles.items())),
                "The run is over: no agent is alive, and none is asked." if over else "No agent has answered.",
            ),
            table(
                "Those that need a look",
                ("agent", "role", "host", "alive", "restarts", "failed", "device", "fault"),
                (
                    (
                        a.name,
                        a.role,
                        a.host,
                        mark("yes", "good") if a.alive else mark("no", "bad"),
                        a.restarts,
                        a.failed_events,
                        a.device or "",
                        a.device_fault or "",
                    )
                    for a in faulty
                ),
                "No agent of this run is asked any more."
                if over
                else "All agents are alive, without restarts, and all devices answer.",
                seen.rows,
            ),
            name="agents",
        ),
        section(
            "Failed events",
            table(
                "Messages that a role failed at",
                ("at (local)", "agent", "kind", "error"),
                ((seen.local(one.at), one.agent, one.kind, one.error) for one in reversed(health.failed_events)),
                "No agent has failed at a message.",
                seen.rows,
            ),
            name="failed",
        ),
    )
