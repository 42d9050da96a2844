"""What a DSO and its members would want of the market, held against all runs of a study."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from experiments.run.columns.relief import TIMES_CURTAILMENT
from experiments.run.study.figures import FIGURES, without_violations
from experiments.run.study.models import Check, StudyRun

_SHARE = 0.95  # of runs in which what a forecast's error can upset must hold: the DSO buys by probability
_BOUGHT_PER_NEED = 1.5
_SETTLED_PER_TRUE = 1.1
_DELIVERED = 0.9
_CENT_E4 = 100.0
_MADE_WHOLE_PCT = 2.0
_WORST_GAP = 0.01
_SYSTEM_GAP = 0.02


def checks_of(runs: Sequence[StudyRun]) -> list[Check]:
    """Shares of runs, then the worst value of all runs; what no run says anything about is left out."""
    found = [_least("share of runs without a broken limit", without_violations(runs), _SHARE)]
    bought = [value for run in runs if (value := FIGURES["bought_per_need"].of(run)) is not None]
    if bought:
        words = (
            f"share of runs that order and curtail at most {_BOUGHT_PER_NEED} times what local rules are above limits"
        )
        found.append(_least(words, sum(value <= _BOUGHT_PER_NEED for value in bought) / len(bought), _SHARE))
    for name, words, most in (
        ("bought_per_need", "ordered and curtailed over what local rules are above limits, highest", _BOUGHT_PER_NEED),
        ("settled_per_true", "settled with members over true change, highest", _SETTLED_PER_TRUE),
        ("settled_per_more", "settled with members over true change to more consumption, highest", _SETTLED_PER_TRUE),
        ("worst_bill", "what a member pays more than under local rules, highest (ten-thousandths)", _CENT_E4),
        ("made_whole_pct", "made whole, highest share of all payments without energy, percent", _MADE_WHOLE_PCT),
        ("times_curtailment", "cost of relief over curtailment's, highest", TIMES_CURTAILMENT),
        ("system_gap", "gap of all sellers' models together, highest", _SYSTEM_GAP),
        ("worst_gap", "gap of a split, highest", _WORST_GAP),
    ):
        values = [value for run in runs if (value := FIGURES[name].of(run)) is not None]
        if values:
            found.append(_most(words, max(values), most))
    return [*found, *_delivered(runs)]


def _delivered(runs: Iterable[StudyRun]) -> Iterator[Check]:
    """Of each kind that was ordered, over all runs."""
    ordered: dict[str, int] = {}
    settled: dict[str, int] = {}
    for run in runs:
        for kind, both in run.settled_vs_true.items():
            ordered[kind] = ordered.get(kind, 0) + both.ordered_wh
            settled[kind] = settled.get(kind, 0) + both.settled_wh
    for kind in sorted(ordered):
        if ordered[kind]:
            yield _least(f"delivered of what was ordered: {kind}", settled[kind] / ordered[kind], _DELIVERED)


def _least(words: str, value: float, wanted: float) -> Check:
    return Check(words=words, value=round(value, 4), wanted=wanted, least=True, held=value >= wanted)


def _most(words: str, value: float, wanted: float) -> Check:
    return Check(words=words, value=round(value, 4), wanted=wanted, least=False, held=value <= wanted)
