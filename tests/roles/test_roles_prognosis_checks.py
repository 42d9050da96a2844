"""Who overstates feed-in gets baselines of the DSO's own, from the analysis to the settlement, on both sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np

from agents.planning.forecast.prognosis_check import JudgedDay
from agents.roles.aggregator.prognosis_sums import PrognosisSums
from agents.roles.dso import DsoRole
from agents.roles.dso.meter_history import MeterHistory
from agents.roles.dso.ordering import Ordering
from agents.roles.dso.prognoses import Prognoses
from agents.roles.dso.prognosis_checks import DayCompared, PrognosisChecks
from agents.roles.effects import Publish
from agents.roles.events import Received
from agents.roles.grid_messages import BaselineReplaced
from agents.roles.messages import Receipt
from agents.roles.parts.keys import SellerPointDay
from cim.codec.codec import decode
from cim.platform.publications.grid import PrognosisReplaced, SellerJudged
from market.uftp import DPrognosis
from tests.roles.test_roles_dso import hear, hear_all, of, ordering, prognosis
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, FIRST, POINT, dso

PLACE = SellerPointDay("agr", POINT, FIRST)


def suspicious() -> DsoRole:
    """A DSO that suspects `agr`, whose farm usually feeds in 5 kW, as the other seller's does."""
    role = dso()
    role.part(PrognosisChecks).state.suspects = ("agr",)
    for name in ("farm-a", "farm-b"):
        role.part(MeterHistory).state.history_kw[f"ean.{name}"] = (np.full(96, -5.0),)
    return role


def test_a_seller_that_overstates_is_told_of_once_and_cleared_when_it_does_no_more() -> None:
    """Two inflated days, then three honest ones: two publications."""
    role, told = dso(), []
    for k, foretold in enumerate((1_300.0, 1_300.0, 1_000.0, 1_000.0, 1_000.0)):
        period = FIRST + timedelta(days=k)
        days = {"agr": JudgedDay(foretold, 1_000.0, 1_500.0), "agr-2": JudgedDay(1_000.0, 1_000.0, 1_500.0)}
        role.part(PrognosisChecks).state.days[period] = days
        effects = role.handle(DayCompared(period), AHEAD)  # type: ignore[arg-type]
        told += [e.publication for e in effects if isinstance(e, Publish)]
    assert all(isinstance(p, SellerJudged) for p in told)
    assert [(p.seller, p.period.day - FIRST.day, p.overstates) for p in told] == [
        ("agr.example", 1, True),
        ("agr.example", 3, False),
    ]


def test_a_suspects_prognosis_is_replaced_by_usual_days_scaled_by_the_others_weather() -> None:
    """It says 9 kW; usually it is 5, and the other, usually at 5 too, foretells 4 today: 4 kW. Its own word is kept as told."""
    role = suspicious()
    hear(role, "agr-2", prognosis("agr-2", POINT, level_w=-4_000))
    effects = hear(role, "agr", prognosis("agr", POINT))
    (news,) = of(effects, BaselineReplaced)
    assert set(news.own.power_w) == {-4_000}
    assert role.part(Prognoses).newest(PLACE) == news.own
    assert [e.publication for e in effects if isinstance(e, Publish)][-1].power_w == news.own.power_w
    assert isinstance([e.publication for e in effects if isinstance(e, Publish)][-1], PrognosisReplaced)


def test_nobody_is_thought_to_feed_in_more_than_it_says() -> None:
    """Sunshine for the other makes no more of what a suspect itself foretells."""
    role = suspicious()
    hear(role, "agr-2", prognosis("agr-2", POINT, level_w=-20_000))
    (news,) = of(hear(role, "agr", prognosis("agr", POINT, level_w=-6_000)), BaselineReplaced)
    assert set(news.own.power_w) == {-6_000}


def test_an_honest_sellers_prognosis_stands() -> None:
    """Nothing is replaced."""
    role = suspicious()
    assert of(hear(role, "agr-2", prognosis("agr-2", POINT)), BaselineReplaced) == []


def test_orders_stand_on_the_dsos_own_prognosis() -> None:
    """Offered against 9 kW, ordered against 5: that is the baseline, and that prognosis is recorded with the order."""
    role = suspicious()
    filed, _ = ordering(role)
    hear(role, "ledger", Receipt(filed.reference))
    assert set(role.part(Ordering).baseline_w(PLACE).values()) == {-5_000}
    recorded = [decode(record.body) for record in filed.records if record.kind == "d-prognosis"]
    assert {p.power_w[47] for p in recorded} == {-5_000, -9_000}
    own = next(p for p in recorded if p.power_w[47] == -5_000)
    assert own.header.sender_domain == "dso.example"


def test_the_seller_holds_its_promise_against_the_dsos_prognosis() -> None:
    """What the DSO put in its place can be an order's baseline; a stranger's cannot."""
    role = players.aggregator()
    sums = role.part(PrognosisSums)
    mine = prognosis("agr", POINT)
    sums.state.sent[mine.header.message_id] = mine
    own = replace(mine, header=replace(mine.header, message_id="own", sender_domain="dso.example"))
    message = BaselineReplaced(mine.header.message_id, own, "overstated")
    role.handle(Received("agr-2", 1, message), AHEAD)
    assert sums.sent("own") is None
    role.handle(Received("dso", 1, message), AHEAD)
    assert sums.sent("own") == own
    assert isinstance(own, DPrognosis)
    assert DAY.count == 96
    assert hear_all(dso())
