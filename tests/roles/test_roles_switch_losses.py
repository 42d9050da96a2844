"""Agents lose everything around the midnight at which a home changes its aggregator: every day stays one aggregator's."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cim.platform.publications.incidents import RuleBroken
from cim.platform.publications.ledger import HeadRefused, RecordRefused
from cim.platform.publications.trading import OrderRefused
from market.settlement.payments import balance
from tests.roles.test_roles_rebuild import EVERYBODY, Forgetful
from tests.roles.test_roles_switch import DAYS, END, MOVER, NEW, OLD, SWITCHES, holder, records
from tests.worlds.miniature import HOMES
from tests.worlds.players import DAY
from tests.worlds.undisturbed import undisturbed

MIDNIGHT = DAY.end
MINUTE = timedelta(minutes=1)


def lost(path: Path, at: datetime, names: tuple[str, ...]) -> Forgetful:
    """Two days with the switch in between; these agents lose all that they know at an instant."""
    market = undisturbed(at, path, Forgetful, days=2, switches=SWITCHES)
    market.physics.advance(at)
    market.lose(*names)
    market.go_on(END)
    market.ledger.close()
    return market


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "names"),
    [
        (DAY.at(8, 2), (MOVER, "iles")),  # the switch is asked for, its contract is not yet
        (DAY.at(10, 2), (NEW, "dso")),
        (MIDNIGHT - 8 * MINUTE, EVERYBODY),
        (MIDNIGHT + 7 * MINUTE, (MOVER, OLD, NEW)),
        (MIDNIGHT + 95 * MINUTE, EVERYBODY),  # yesterday is metered, and not settled
    ],
)
def test_who_is_lost_in_the_night_of_the_switch_goes_on(tmp_path: Path, at: datetime, names: tuple[str, ...]) -> None:
    """The ledger is whole; each home's each day is settled once, by who had it then; money sums to nil; nothing is refused."""
    market = lost(tmp_path / "ledger.db", at, names)
    assert market.told(OrderRefused, RecordRefused, RuleBroken, HeadRefused) == []
    known = records(market)
    settled = [
        (body.header.recipient_domain, body.header.sender_domain, body.period_start)
        for (kind, _), body in known.items()
        if kind == "flex-settlement" and body.revision == 1
    ]
    expected = {(f"{home}.example", f"{holder(home, day)}.example", day) for home in HOMES for day in DAYS}
    expected |= {(f"{name}.example", "dso.example", day) for name in (OLD, NEW) for day in DAYS}
    assert len(settled) == len(set(settled))
    assert set(settled) == expected
    payments = [p for (kind, _), body in known.items() if kind == "remuneration" for p in body]
    assert sum(balance(payments).values()) == 0
    ((_, ended),) = [item for item in known.items() if item[0][0] == "contract-termination"]
    assert ended.last_day == DAYS[0]
