"""What the DSO's engineers ask of its agent: flexibility at a point, or an emergency's limit; and what it has answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from portal.actions import ActionTold
from portal.screens.markup import Cell, Html, mark, note, section, table, text
from portal.screens.page import Parts
from portal.screens.seen import Seen

_TONES = {"accepted": "good", "refused": "bad", "waiting": "warn", "handed": "warn"}


def make(seen: Seen) -> Parts:
    """The page."""
    if seen.actions is None:
        words = "This run is over: nobody is there who could be asked. On a living site (iles up) this page asks the DSO's agent."
        return (section("Act", note(words), name="act"),)
    asked = seen.actions.of_dso(50)
    return _flexibility(seen), _limit(seen), _answers(seen, asked)


def _points(seen: Seen) -> str:
    return _options((one.congestion_point, seen.title(one.congestion_point)) for one in seen.site.points)


def _options(values: Iterable[tuple[str, str]], chosen: str = "") -> str:
    return "".join(
        f'<option value="{text(value)}"{" selected" if value == chosen else ""}>{text(words)}</option>'
        for value, words in values
    )


def _flexibility(seen: Seen) -> Html:
    day = seen.day
    starts = seen.starts(day)
    ends = [*starts[1:], seen.local(day.end)]
    now = min(max(int((seen.now - day.start) / day.isp) + 6, 1), day.count)
    first = _options(((str(n), f"{at:%H:%M}") for n, at in enumerate(starts, 1)), str(now))
    last = _options(((str(n), f"{at:%H:%M}") for n, at in enumerate(ends, 1)), str(min(now + 3, day.count)))
    form = (
        '<form class="asked" data-action="/dso/actions/flexibility" id="ask-flexibility">'
        f'<label>Point <select name="point">{_points(seen)}</select></label>'
        f'<label>Day <input name="period" type="date" value="{day.key}" required></label>'
        f'<label>From (local) <select name="first_isp" data-number>{first}</select></label>'
        f'<label>To <select name="last_isp" data-number>{last}</select></label>'
        '<label>Change of net power, kW <input name="power_w" type="number" step="0.1" value="20" required data-thousand></label>'
        '<button>Ask for flexibility</button><p role="status" class="note"></p></form>'
    )
    return section(
        "Ask for flexibility",
        Html(f'<div data-keep="flexibility">{form}</div>'),
        note(
            "Above zero: more consumption or less feed-in. The sellers at the point are asked at once; offers and orders follow."
        ),
        name="flexibility",
    )


def _limit(seen: Seen) -> Html:
    form = (
        '<form class="asked" data-action="/dso/actions/point-limit" id="limit-point" '
        'data-sure="Limit the feed-in of all plants below this point now?">'
        f'<label>Point <select name="point">{_points(seen)}</select></label>'
        '<label>Feed-in at most, % of each rating <input name="feed_in_pct" type="number" min="0" max="100" value="50" data-number '
        "data-empty-null></label>"
        '<label>For, min <input name="minutes" type="number" min="1" max="1440" value="15" required data-number></label>'
        '<button>Limit now</button><p role="status" class="note"></p></form>'
    )
    return section(
        "Emergency: limit a point",
        Html(f'<div data-keep="limit">{form}</div>'),
        note(
            "All plants below the point obey at once, and what they lose is paid. Leave the percentage empty to lift a limit."
        ),
        name="limit",
    )


def _answers(seen: Seen, asked: Sequence[ActionTold]) -> Html:
    def instant(at: datetime | None) -> Cell:
        return None if at is None else seen.local(at)

    rows = (
        (
            instant(one.at),
            one.kind,
            one.by,
            ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in one.request.items()),
            mark(one.state.value, _TONES.get(one.state.value, "")),
            one.reason,
            instant(one.answered_at),
        )
        for one in asked
    )
    head = ("asked at (local)", "what", "by", "fields", "state", "answer", "answered at")
    return section(
        "Asked and answered",
        table("Newest first", head, rows, "Nobody has asked the DSO's agent for anything yet.", seen.rows),
        name="answers",
    )
