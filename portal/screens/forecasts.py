"""What was forecast, how surely, and what came: the site's exchange in quantiles, and each seller's baselines by the meters."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from cim.model.arrays import Floats
from cim.platform.publications.grid import ExchangeBand, PrognosisReplaced, SellerJudged
from cim.platform.publications.settlement import BaselineChecked, last_checks
from cim.platform.store import latest, values
from portal.screens.grid import no_grid
from portal.screens.grid_day import grid_day
from portal.screens.markup import Asked, Cell, Choice, Figure, Html, Line, chart, figures, mark, note, section, table
from portal.screens.page import Parts
from portal.screens.seen import LATELY, Seen

_WITHIN_PCT = 80.0  # of what comes lies between the 10 % and the 90 % quantile, where these are true


def make(seen: Seen) -> Parts:
    """The page."""
    asked = Asked((Choice("day", "Day", seen.days(), seen.day.key),)).html()
    return Html(f'<div data-keep="asked">{asked}</div>'), _band(seen), _baselines(seen), _judged(seen)


def band_of(seen: Seen) -> ExchangeBand | None:
    """The quantiles of the day shown: those told last before it began, of a day that nobody foretold so early the first."""
    told = seen.of_day(ExchangeBand)
    before = [one for one in told if one.at <= seen.day.start]
    chosen = before[-1:] or told[:1]
    return chosen[0] if chosen and len(chosen[0].median_w) == seen.day.count else None


def _metered(seen: Seen) -> Floats | None:
    """[ISPs] W at the point of common coupling by what connections' meters counted; NaN where nothing was. None: no grid."""
    grid = seen.sources.grid
    if grid is None:
        return None
    found = grid_day(seen, grid, seen.day)
    return np.where(np.array([sort == "measured" for sort in found.sort]), found.flow.slack_w, np.nan)


def _band(seen: Seen) -> Html:
    band, actual = band_of(seen), _metered(seen)
    if band is None:
        words = f"Nobody has foretold the exchange of {seen.day.key} in quantiles: the site's manager does each day, for the next."
        return section("Exchange in quantiles", note(words), name="band")
    low, median, high = (np.array(row, dtype=np.float64) / 1000 for row in (band.low_w, band.median_w, band.high_w))
    lines = [Line("10 %", low, "quiet"), Line("50 %", median, "baseline"), Line("90 %", high, "quiet")]
    shown = [
        Figure("told at (local)", seen.local(band.at)),
        Figure("mean width, 10 to 90 %", float((high - low).mean()), "kW"),
    ]
    if actual is not None and np.isfinite(actual).any():
        came = np.isfinite(actual)
        inside = 100 * float(((actual / 1000 >= low) & (actual / 1000 <= high))[came].mean())
        lines.insert(0, Line("measured", actual / 1000))
        shown += [
            Figure(f"measured ISPs inside, of {int(came.sum())}", inside, "%"),
            Figure("mean distance from 50 %", float(np.abs(actual / 1000 - median)[came].mean()), "kW"),
        ]
    return section(
        "Exchange in quantiles",
        figures(*shown),
        chart(
            "band",
            f"Net power at the point of common coupling on {seen.day.key}",
            "kW",
            seen.starts(),
            lines,
            "Above zero: import. What comes is below a line with its chance; by the point's meter, weather and calendar.",
        ),
        note(
            f"Of the ISPs of many days {_WITHIN_PCT:.0f} % should lie between the outer lines; one day alone proves little. "
            "What was ordered and limited since the forecast is in what came. "
            "These quantiles are of the whole site: the DSO buys by the errors of each seller's prognoses at each point."
        ),
        note(no_grid(seen)) if actual is None else note(""),
        name="band",
    )


def _baselines(seen: Seen) -> Html:
    points = {point.congestion_point for point in seen.site.points}
    lately = values(seen.store, BaselineChecked, seen.until - timedelta(days=LATELY))
    checks = last_checks(one for one in lately if one.place in points)
    of_day = last_checks(one for one in seen.of_day(BaselineChecked) if one.place in points)
    rows = [(seen.name(one.seller), seen.title(one.place), *_errors(one)) for one in of_day]
    over: list[tuple[Cell, ...]] = []
    for seller, place in dict.fromkeys((one.seller, one.place) for one in checks):
        mine = [one for one in checks if (one.seller, one.place) == (seller, place)]
        known = [found for one in mine if (found := _known(one)) is not None]
        if known:
            error, level = (np.concatenate([found[k] for found in known]) / 1000 for k in (0, 1))
            over.append(
                (
                    seen.name(seller),
                    seen.title(place),
                    len(known),
                    float(error.mean()),
                    float(np.abs(error).mean()),
                    float(np.abs(level).mean()),
                )
            )
    return section(
        "Sellers' baselines by the meters",
        table(
            f"Of {seen.day.key}",
            (
                "seller",
                "point",
                "metered above it on average, kW",
                "mean distance, kW",
                "furthest, kW",
                "ISPs not known",
            ),
            rows,
            f"The baselines of {seen.day.key} are not compared yet: the DSO does when it settles the day.",
        ),
        table(
            f"Over what was settled in the last {LATELY} days",
            ("seller", "point", "days", "metered above it on average, kW", "mean distance, kW", "mean power, kW"),
            over,
            "No day was settled in that time.",
        ),
        note(
            "The last prognosis with all flexibility that was bought, against the meters of the seller's connections. ISPs that a "
            "meter did not see, or in which the DSO limited somebody, are left out."
        ),
        name="baselines",
    )


def _known(one: BaselineChecked) -> tuple[Floats, Floats] | None:
    """(metered less foretold, metered), W, of the ISPs that are known; None: none is."""
    known = np.ones(len(one.actual_w), dtype=np.bool_)
    known[[isp - 1 for isp in one.unknown]] = False
    if not known.any():
        return None
    return np.array(one.deviation_w, dtype=np.float64)[known], np.array(one.actual_w, dtype=np.float64)[known]


def _errors(one: BaselineChecked) -> tuple[Cell, ...]:
    found = _known(one)
    if found is None:
        return None, None, None, len(one.unknown)
    error = found[0] / 1000
    return float(error.mean()), float(np.abs(error).mean()), float(np.abs(error).max()), len(one.unknown)


def _judged(seen: Seen) -> Html:
    last = {one.seller: one for one in values(seen.store, SellerJudged)}
    judged = (
        (
            seen.name(one.seller),
            one.period,
            one.foretold_wh / 1000,
            one.metered_wh / 1000,
            mark("overstates feed-in", "bad") if one.overstates else mark("no more", "good"),
        )
        for one in last.values()
    )
    replaced = (
        (
            seen.local(one.at),
            seen.name(one.seller),
            seen.title(one.congestion_point),
            one.period,
            one.revision,
            sum(one.power_w) / 1000 * seen.site.isp_minutes / 60,
        )
        for one in reversed(latest(seen.store, PrognosisReplaced, "seller", "congestion_point", "period"))
    )
    return section(
        "Prognoses that the DSO does not take as told",
        table(
            "Sellers whose feed-in was judged",
            ("seller", "by its days up to", "foretold, kWh", "metered, kWh", "state"),
            judged,
            "No seller's prognoses have been found to overstate its feed-in.",
        ),
        table(
            "The DSO's own in their place, newest first",
            ("at (local)", "seller", "point", "day", "for revision", "of the day, kWh"),
            replaced,
            "The DSO has replaced no prognosis.",
            seen.rows and 12,
        ),
        name="judged",
    )
