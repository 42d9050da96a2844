"""The site as an island: whether mains are there, what is held for their loss, what is shed, and that it is one with them again."""

from __future__ import annotations

from datetime import datetime, timedelta

from cim.platform.publications.island import IslandLed, IslandStage, IslandState
from cim.platform.store import values
from portal.screens.markup import Asked, Cell, Choice, Figure, Html, figures, kw, mark, note, section, table
from portal.screens.page import Parts
from portal.screens.seen import Seen

NONE = Html(
    "No island is told of. <code>iles island SITE --at 2016-05-20T18:30 --into DIR</code> loses mains within a finished run: the "
    "ILES manager and an agent for each unit lead the island, and what the manager tells stands here. Agents of a living site "
    "(iles up) lead none."
)
_TONES = {
    IslandState.ARMED: "good", IslandState.SEPARATED: "warn", IslandState.DARK: "bad", IslandState.RETURNING: "warn",
    IslandState.JOINED: "good",
}  # fmt: skip


def make(seen: Seen) -> Parts:
    """The page."""
    islands = episodes(values(seen.store, IslandLed))
    if not islands:
        return (section("Island", note(NONE), name="island"),)
    by_begin = {one[0].at.isoformat(): one for one in islands}
    begin = seen.query.get("island", "")
    shown = by_begin.get(begin, islands[-1])
    offered = [(key, f"{seen.local(one[0].at):%Y-%m-%d %H:%M}") for key, one in reversed(by_begin.items())]
    asked = Asked((Choice("island", "Mains lost about (local)", offered, shown[0].at.isoformat()),)).html()
    return (*((asked,) if len(islands) > 1 else ()), _now(seen, shown), _stages(shown[-1]), _history(seen, shown))


def episodes(told: list[IslandLed]) -> list[list[IslandLed]]:
    """One island after the other: each begins where its units are armed."""
    found: list[list[IslandLed]] = []
    for one in told:
        armed = one.state == IslandState.ARMED
        if not found or (armed and found[-1][-1].state != IslandState.ARMED):
            found.append([])
        found[-1].append(one)
    return found


def _words(one: IslandLed) -> Html:
    return mark(one.state, _TONES.get(IslandState(one.state), ""))


def _minutes(span: timedelta) -> float:
    return span / timedelta(minutes=1)


def _now(seen: Seen, told: list[IslandLed]) -> Html:
    last = told[-1]
    lost_at = next((one.lost_at for one in told if one.lost_at is not None), None)
    joined = last.at if last.state == IslandState.JOINED else None
    dark = sum(1 for one, before in zip(told[1:], told, strict=False) if _dark(one) and not _dark(before))
    tone = "" if joined else "good" if last.usable_wh >= last.reserve_wh else "bad"
    ahead = (
        Figure("reserve for what is promised", last.reserve_wh / 1000, "kWh"),
        Figure("an outage may last", last.may_last_min, "min more" if lost_at else "min"),
    )
    shown = [
        Figure("state", _words(last)),
        Figure("as of (local)", f"{seen.local(last.at):%Y-%m-%d %H:%M}"),
        Figure("mains lost (local)", None if lost_at is None else f"{seen.local(lost_at):%Y-%m-%d %H:%M}"),
        *_lasted(lost_at, joined, last),
        Figure("stored, usable", last.usable_wh / 1000, "kWh", tone),
        *(() if joined else ahead),
        Figure("battery gives", kw(last.battery_w), "kW"),
        Figure("CHP gives", kw(last.engine_w), "kW"),
        Figure("sun and wind give", kw(last.sun_w), "kW"),
        Figure("times dark", dark, "", "bad" if dark else "good"),
    ]
    return section(
        "Island",
        figures(*shown),
        note(
            "By what the ILES manager told last. The reserve is what has to be stored to serve the promised loads as long as an "
            "outage may last, at the confidence of the site's file. Frequency, second by second, is in island.html of the same "
            "command; voltage and reactive power are not modelled."
        ),
        name="island",
    )


def _dark(one: IslandLed) -> bool:
    return one.state == IslandState.DARK


def _lasted(lost_at: datetime | None, joined: datetime | None, last: IslandLed) -> tuple[Figure, ...]:
    if lost_at is None:
        return ()
    return (
        Figure("without mains" if joined else "without mains so far", _minutes((joined or last.at) - lost_at), "min"),
    )


def _stages(last: IslandLed) -> Html:
    armed = last.state == IslandState.ARMED

    def row(place: int, one: IslandStage) -> tuple[Cell, ...]:
        connected = mark("connected", "good") if one.connected else mark("shed", "warn" if not one.promised else "bad")
        wanted = "connected" if one.wanted else "shed"
        return place, one.title or one.name, "yes" if one.promised else "no", connected, wanted, kw(one.power_w)

    head = (
        "priority", "loads", "promised", "now", "if mains are lost" if armed else "is to be", "drew last, kW"
    )  # fmt: skip
    rows = [row(place, one) for place, one in enumerate(last.stages, 1)]
    return section(
        "Loads by priority",
        table("Shed together, the last priority first", head, rows, "The island has no loads."),
        name="stages",
    )


def _history(seen: Seen, told: list[IslandLed]) -> Html:
    rows = (
        (
            seen.local(one.at).strftime("%Y-%m-%d %H:%M:%S"),
            _words(one),
            one.usable_wh / 1000,
            one.reserve_wh / 1000,
            sum(1 for stage in one.stages if stage.connected),
            ", ".join(stage.title or stage.name for stage in one.stages if not stage.connected) or "nothing",
            kw(one.battery_w),
            kw(one.engine_w),
            kw(one.sun_w),
        )
        for one in reversed(told)
    )
    head = (
        "at (local)", "state", "stored, usable, kWh", "reserve, kWh", "stages connected", "shed", "battery, kW", "CHP, kW",
        "sun and wind, kW",
    )  # fmt: skip
    return section(
        "What happened",
        table("At each change and each quarter-hour, newest first", head, rows, "Nothing yet.", seen.rows),
        name="history",
    )
