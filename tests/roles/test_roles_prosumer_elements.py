"""A prosumer treats each of its elements by the rules of its kind: what it publishes, expects and tells."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

import numpy as np

from agents.planning.elements.element import ElementConfig
from agents.roles.effects import Effect, Send
from agents.roles.events import Fired, Received
from agents.roles.messages import AssetsPublished, DeviceJoined, DeviceReport
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.prognoses import ForecastDay, ReviseDay
from cim.model.devices import DeviceKind
from market.uftp import DPrognosis
from tests.worlds import players, terms
from tests.worlds.players import DAY, FIRST, POINT, RULES

KINDS = (
    DeviceKind.WIND,
    DeviceKind.PV,
    DeviceKind.BATTERY,
    DeviceKind.CHP,
    DeviceKind.STATION,
    DeviceKind.GATEWAY,
    DeviceKind.APPLIANCE,
)
Message = TypeVar("Message")
USUAL = (np.full(96, -20.0),)  # of the turbine, kW


def farm(*kinds: DeviceKind) -> ProsumerRole:
    """A farm without base load that has one element of each kind."""
    elements = tuple(
        ElementConfig(f"farm-a.{kind}", kind, 100_000, 100_000, history_kw=USUAL if kind is DeviceKind.WIND else ())
        for kind in kinds
    )
    config = terms.prosumer_config("farm-a", POINT, "agr", elements, (np.zeros(96),))
    return ProsumerRole("farm-a", RULES, players.key("farm-a"), config)


def sent(effects: list[Effect], kind: type[Message]) -> list[Message]:
    """The messages of a type among effects."""
    return [effect.message for effect in effects if isinstance(effect, Send) and isinstance(effect.message, kind)]


def test_each_kind_is_published_with_the_directions_it_can_move_in() -> None:
    """What only can be curtailed offers to raise its net power; all others offer both ways, with their whole swing."""
    role = farm(*KINDS)
    effects: list[Effect] = []
    for number, kind in enumerate(KINDS):
        joined = DeviceJoined(f"farm-a.{kind}", players.nameplate(kind, 5_000, 4_000))
        effects += role.handle(Received(f"farm-a.{kind}", number + 1, joined), DAY.start)
    (published,) = sent(effects, AssetsPublished)
    elements = {asset.kind: (asset.element.max_increase_w, asset.element.max_decrease_w) for asset in published.assets}
    curtailable, both = (9_000, 0), (9_000, -9_000)
    assert elements == {
        "wind": curtailable, "pv": curtailable, "battery": both, "chp": both, "station": both, "gateway": both,
        "appliance": both,
    }  # fmt: skip


def test_a_turbine_in_a_strong_wind_is_expected_to_go_on() -> None:
    """The day before, its usual 20 kW are told; after two hours of 80 kW a revision tells 80 now and less later."""
    role = farm(DeviceKind.WIND)
    (ahead,) = sent(role.handle(Fired(ForecastDay(FIRST)), players.AHEAD), DPrognosis)
    assert set(ahead.power_w) == {-20_000}
    for number in range(25):
        at = DAY.start + number * timedelta(minutes=5)
        report = DeviceReport("farm-a.wind", at, players.good("farm-a.wind", -80_000.0, at), ())
        role.handle(Received("farm-a.wind", number + 1, report), at)
    at = DAY.start + timedelta(hours=2, minutes=1)
    (revised,) = sent(role.handle(Fired(ReviseDay(FIRST)), at), DPrognosis)
    assert revised.power_w[:9] == (-20_000,) * 9  # what is over or running stays as it was told
    now, evening = revised.power_w[9], revised.power_w[80]
    assert -80_000 < now < -75_000
    assert -27_000 < evening < -20_000
    assert list(revised.power_w[9:]) == sorted(revised.power_w[9:])
