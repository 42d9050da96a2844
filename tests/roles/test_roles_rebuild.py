"""Everything of some agents is lost at midday: the market goes on from the ledger, and says what it does not know."""

from __future__ import annotations

import dataclasses
import heapq
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.roles.aggregator.correction import RELATIVE_TOLERANCE, TOLERANCE_KW
from agents.roles.events import Connected, Fired, Recalled
from agents.roles.parts.contracts import Contracts
from agents.runtime.ledger_history import recollect
from cim.codec.codec import decode, encode
from cim.model.devices import DeviceKind, Nameplate
from cim.platform.publications.incidents import MemoryLost, RuleBroken
from cim.platform.publications.ledger import HeadRefused, RecordRefused
from cim.platform.publications.settlement import SettlementAnswered
from cim.platform.publications.trading import OrderRefused
from market.ledger.reader import LedgerReader
from market.ledger.records import Signature
from market.ledger.verify import verify
from market.settlement.day import lost_isps
from market.settlement.payments import balance
from market.uftp import AcceptedDisputed, FlexOrder, FlexSettlement, Metering
from tests.worlds import miniature, players
from tests.worlds.miniature import HOMES, RATED_W
from tests.worlds.players import DAY
from tests.worlds.undisturbed import undisturbed

END = DAY.end + timedelta(hours=9)
LOSS = DAY.at(11, 37)
EVERYBODY = miniature.NAMES


class Forgetful(miniature.Miniature):
    """A market whose agents can lose everything they know."""

    def lose(self, *names: str) -> None:
        """These begin again with what the ledger knows of them, and their devices."""
        now = self.physics.now
        newborn = self._cast()
        path = Path(self.ledger.place)
        past = recollect(path, names, self.rules.domains, now)
        assert set(past) == set(names)
        for name in names:
            self.roles[name] = newborn[name]
            self.armed = {key: at for key, at in self.armed.items() if key[0] != name}
        for name in names:
            self._tell(name, decode(encode(past[name])), now)
            self._connect(name, now)
        self._settle(now)

    def _connect(self, name: str, now: datetime) -> None:
        if name in HOMES:
            self._tell(name, Connected(f"{name}.meter", Nameplate(DeviceKind.METER, "M", "M", "1")), now)
        elif name.endswith(".pv"):
            self._tell(name, Connected(name, Nameplate(DeviceKind.PV, "M", "M", "1", RATED_W)), now)
        elif name.endswith(".bat"):
            self._tell(name, Connected(name, Nameplate(DeviceKind.BATTERY, "M", "M", "1", 3000, 3000, 8000)), now)
        elif name == "iles":
            self._tell(name, Connected("weather", Nameplate(DeviceKind.WEATHER, "M", "M", "1")), now)

    def go_on(self, until: datetime) -> None:
        """From where it is."""
        while self.heap and self.heap[0][0] <= until:
            now = self.heap[0][0]
            self.physics.advance(now)
            while self.heap and self.heap[0][0] <= now:
                at, _, name, timer = heapq.heappop(self.heap)
                if self.armed.get((name, timer)) == at:
                    del self.armed[name, timer]
                    self._tell(name, Fired(timer), now)
            self._settle(now)


def lived(path: Path, *losses: tuple[datetime, tuple[str, ...]], until: datetime = END) -> Forgetful:
    """A day with losses; its ledger is closed afterwards."""
    first, *more = losses
    market = undisturbed(first[0], path, Forgetful)
    market.physics.advance(first[0])
    market.lose(*first[1])
    for at, names in more:
        market.go_on(at)
        market.physics.advance(at)
        market.lose(*names)
    market.go_on(until)
    market.ledger.close()
    return market


def sound(market: Forgetful) -> dict[tuple[str, str], Any]:
    """What holds after any loss: the ledger is whole and took every record, each day settled once, money sums to zero."""
    path = Path(market.ledger.place)
    verify(path)
    assert market.told(OrderRefused, RecordRefused, RuleBroken, HeadRefused) == []
    with LedgerReader(path) as reader:
        records = {(r.kind, r.key): decode(r.body) for r in reader.records()}
        heads = [head.number for head in reader.heads()]
        cosigned = [len(reader.cosignatures(number)) for number in heads]
    assert heads == [1, 2]
    assert cosigned == [3, 3]
    settled = [(m.period_start, m.header.sender_domain, m.header.recipient_domain)
               for (kind, _), m in records.items() if kind == "flex-settlement"]  # fmt: skip
    assert len(settled) == len(set(settled)) == 6
    rows = Counter(row.order_reference for (kind, _), m in records.items() if kind == "flex-settlement"
                   and m.header.sender_domain == "dso.example" for row in m.order_settlements)  # fmt: skip
    assert set(rows.values()) <= {1}
    payments = [p for (kind, _), body in records.items() if kind == "remuneration" for p in body]
    assert sum(balance(payments).values()) == 0
    paid = Counter((p.reference, p.reason, p.payer) for p in payments)
    assert set(paid.values()) <= {1}
    return records


def forgotten(market: Forgetful) -> dict[str, str]:
    """What each agent said it had forgotten."""
    return {told.agent: "; ".join(told.what) for told in market.told(MemoryLost)}


@pytest.fixture(scope="module")
def everybody(tmp_path_factory: pytest.TempPathFactory) -> Forgetful:
    """All agents lost at midday."""
    return lived(tmp_path_factory.mktemp("all") / "ledger.db", (LOSS, EVERYBODY))


def test_the_market_goes_on_when_all_is_lost(everybody: Forgetful) -> None:
    """Contracts and orders stand as recorded, nothing is negotiated, ordered or settled twice, all gets signed."""
    records = sound(everybody)
    assert sum(kind == "contract" for kind, _ in records) == 8  # four members, two options, two frameworks
    orders = [o for (kind, _), o in records.items() if kind == "flex-order"]
    assert [o for o in orders if o.header.time_stamp < LOSS]
    assert [o for o in orders if o.header.time_stamp > LOSS], "and the DSO goes on to order"


def test_what_was_lost_is_named(everybody: Forgetful) -> None:
    """Every agent says in words what it has forgotten, the energy of which hours among it; and remembers it said so."""
    told = forgotten(everybody)
    assert set(told) == set(EVERYBODY)
    assert f"from {DAY.start.isoformat()} to {LOSS.isoformat()}" in told["home-a"]
    assert "fall on their elements" in told["agr"]
    assert "running round" in told["dso"]
    assert "schedule" in told["home-a.bat"]
    assert all(role.forgotten for role in everybody.roles.values())


def test_a_lost_reading_is_never_a_number(everybody: Forgetful) -> None:
    """The hours before the loss are told as not metered; those after it are what the meter counted."""
    meterings = [m for m in everybody.said(Metering) if m.ean.startswith("ean.")]
    last = DAY.isp_of(LOSS)
    assert len(meterings) == 8
    assert {lost_isps([m]) for m in meterings} == {frozenset(range(1, last + 1))}
    assert all(
        not any(m.profile("Power").values[: last - 1]) and any(m.profile("Power").values[last:]) for m in meterings
    )


def test_the_unmetered_hours_are_neither_paid_nor_fined(everybody: Forgetful) -> None:
    """Orders are settled on the ISPs that were metered; DSO and aggregators come to the same sums."""
    settled = [m for m in everybody.said(FlexSettlement) if m.header.sender_domain == "dso.example"]
    isps = [isp.start for m in settled for row in m.order_settlements for isp in row.isps]
    assert isps
    assert min(isps) > DAY.isp_of(LOSS)
    answers = [answer for told in everybody.told(SettlementAnswered) for answer in told.answers]
    assert answers
    assert {s.disposition for s in answers} == {AcceptedDisputed.ACCEPTED}


def test_promises_are_kept_after_the_loss(everybody: Forgetful) -> None:
    """What the DSO had ordered of the hours to come is held, and delivered for the most part by members ordered anew."""
    settled = [m for m in everybody.said(FlexSettlement) if m.header.sender_domain == "dso.example"]
    rows = [isp for m in settled for row in m.order_settlements for isp in row.isps]
    asked = sum(abs(isp.ordered_flex_power_w) for isp in rows)
    assert sum(isp.power_deficiency_w for isp in rows) < 0.05 * asked
    for isp in rows:  # no more than corrections leave alone
        tolerated_w = 1000 * TOLERANCE_KW + RELATIVE_TOLERANCE * abs(isp.ordered_flex_power_w)
        assert isp.power_deficiency_w <= tolerated_w, isp
    assert sum(abs(isp.delivered_flex_power_w) for isp in rows) > 0.7 * asked
    again = [
        o for _, to, o in everybody.sent if isinstance(o, FlexOrder) and to in HOMES and o.header.time_stamp > LOSS
    ]
    assert again


@pytest.mark.parametrize("lost", [("dso",), ("agr",), ("home-a",), ("ledger",), ("home-a.pv", "home-a.bat"), ("iles",)])
def test_one_is_lost_and_the_others_live(tmp_path: Path, lost: tuple[str, ...]) -> None:
    """Whoever it is, the others hear it and it hears them; nothing is negotiated, ordered or settled twice."""
    market = lived(tmp_path / "ledger.db", (LOSS, lost))
    records = sound(market)
    assert sum(kind == "contract" for kind, _ in records) == 8  # four members, two options, two frameworks
    assert set(forgotten(market)) == set(lost)
    disputed = [answer for told in market.told(SettlementAnswered) for answer in told.answers
                if answer.disposition == AcceptedDisputed.DISPUTED]  # fmt: skip
    assert all(answer.reason for answer in disputed)
    if lost not in (("home-a",), ("agr",)):
        assert not disputed


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [1, 301, 3600 + 1, 2 * 3600 + 5, 3 * 3600 + 1, 5 * 3600, 7 * 3600])
@pytest.mark.parametrize("lost", [("dso",), ("agr", "home-a"), EVERYBODY])
def test_lost_between_metering_and_the_last_payment(tmp_path: Path, seconds: int, lost: tuple[str, ...]) -> None:
    """At whatever point after the day: what is recorded is done, what is not is done once."""
    sound(lived(tmp_path / "ledger.db", (DAY.end + timedelta(seconds=seconds), lost)))


@pytest.mark.slow
def test_lost_again_and_again(tmp_path: Path) -> None:
    """A second and a third loss find the revisions of the first, and go on above them."""
    losses = [(DAY.start - timedelta(hours=3), EVERYBODY), (DAY.at(8, 2), EVERYBODY), (DAY.at(12, 41), EVERYBODY)]
    sound(lived(tmp_path / "ledger.db", *losses))


def test_a_record_whose_signature_does_not_fit_is_not_believed(tmp_path: Path) -> None:
    """Who rebuilds from another's file takes nothing from it that was not signed; and says so."""
    market = undisturbed(DAY.at(7), tmp_path / "ledger.db", Forgetful)
    past = recollect(tmp_path / "ledger.db", ("dso",), market.rules.domains, DAY.at(7))["dso"]
    forged = tuple(dataclasses.replace(r, signatures=(Signature(r.author, bytes(64)),)) for r in past.records)
    role = market._cast()["dso"]
    role.handle(Recalled(forged, (), past.began, past.lost_at), DAY.at(7))
    assert role.part(Contracts).state.contracts == {}
    assert any("signatures do not fit" in sentence for sentence in role.forgotten)
    market.ledger.close()


def test_the_story_has_orders_before_and_after_the_loss(tmp_path: Path) -> None:
    """The miniature's day is worth losing: without a loss there are orders on both sides of it."""
    market = undisturbed(END, tmp_path / "ledger.db")
    market.ledger.close()
    orders = [o for o in market.said(FlexOrder) if o.header.sender_domain == "dso.example"]
    isps = sorted({row.start for o in orders for row in o.isps})
    assert isps[0] < DAY.isp_of(LOSS) < isps[-1]
    assert DAY.day == players.FIRST
