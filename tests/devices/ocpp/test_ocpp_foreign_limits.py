"""A limit never loosens: whatever profiles of somebody else a station holds, ILES' own only make them smaller."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.devices import Mode, Setpoint
from devices.ocpp.driver import StationPort
from devices.ocpp.foreign import ForeignLimit, foreign_limits
from devices.ocpp.payload import Payload
from devices.ocpp.version import OURS, ids_at
from devices.port.errors import DeviceFault
from devices.simulators.in_memory_link import DirectLink
from devices.simulators.station.versions import STATIONS
from tests.devices.ocpp.conftest import Point

START = datetime(2026, 5, 1, 8, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
PURPOSES = ("TxDefaultProfile", "ChargingStationMaxProfile")


def _stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _profile(number: int, purpose: str, limit: int, level: int = 0, unit: str = "W", **more: Any) -> dict[str, Any]:
    period = {"startPeriod": 0, "limit": limit}
    schedule = {"id": number, "chargingRateUnit": unit, "chargingSchedulePeriod": [period]}
    schedule |= {"startSchedule": _stamp(START - timedelta(days=1))}
    said = {"id": number, "stackLevel": level, "chargingProfilePurpose": purpose, "chargingProfileKind": "Absolute"}
    return {**said, "chargingSchedule": [schedule], **more}


class _Held:
    """A station that somebody else has given profiles; what it would allow without ILES is on a twin of it."""

    def __init__(self, version: str, profiles: list[dict[str, Any]]) -> None:
        self.point, self.twin, self.now, self.link = Point(), Point(), START, DirectLink()
        self.stations = [STATIONS[version]("cs1", point) for point in (self.point, self.twin)]
        for station in self.stations:
            for profile in profiles:
                assert station._profiles.install(Payload({"evseId": 1, "chargingProfile": profile}), "") == ""
            station.look(START)
        self.link.add("cs1", self.stations[0], START)
        self.port = StationPort("cs1", link=self.link)

    async def to(self, now: datetime) -> None:
        """Time goes on for both."""
        self.now = now
        self.link.advance(now)
        self.stations[1].look(now)
        await self.port.sync(now)

    def plug(self) -> None:
        """The same vehicle comes to both."""
        for point in (self.point, self.twin):
            point.plug(self.now)

    def allowed(self) -> tuple[float, float]:
        """What the station allows now, and what it would without ILES, W."""
        both = (self.point, self.twin)
        with_us, without = (min(p.max_power_w, p.max_power_w if p.limit_w is None else p.limit_w) for p in both)
        return with_us, without


_LIMITS = st.integers(0, 12_000)
_FOREIGN = st.lists(st.tuples(st.sampled_from(PURPOSES), _LIMITS, st.integers(0, 7)), max_size=4)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("limit"), _LIMITS),
        st.tuples(st.just("wait"), st.integers(1, 40)),
        st.sampled_from([("release", 0), ("plug", 0), ("anew", 0)]),
    ),
    max_size=8,
)


@pytest.fixture(scope="module", autouse=True)
def _no_grace() -> Iterator[None]:
    """A driver that is built anew waits half a second for a station to boot by itself: these do not."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("devices.ocpp.connection._BOOT_GRACE_S", 0.0)
        yield


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@settings(max_examples=25, deadline=None)
@given(_FOREIGN, _STEPS)
def test_no_limit_of_ours_loosens_somebody_elses(
    version: str, foreign: list[tuple[str, int, int]], steps: list[tuple[str, int]]
) -> None:
    """Limits, expiries, releases, vehicles and new drivers in any order: never more than without ILES, and back to it."""
    profiles = [_profile(k + 1, purpose, limit, level) for k, (purpose, limit, level) in enumerate(foreign)]

    async def run() -> None:
        held = _Held(version, profiles)
        await held.port.open(START)
        for step, (what, number) in enumerate(steps):
            if what == "limit":
                until = held.now + QUARTER
                await held.port.command(Setpoint(Mode.LIMIT, number), until, held.now)
                assert held.allowed()[0] <= number
            elif what == "wait":
                await held.to(held.now + timedelta(minutes=number))
            elif what == "release":
                await held.port.release(held.now)
            elif what == "plug" and held.point.session is None:
                held.plug()
                await held.to(held.now + timedelta(seconds=1))
            elif what == "anew":
                held.port = StationPort("cs1", link=held.link, run=f"life{step}")
                await held.port.open(held.now)
            with_us, without = held.allowed()
            assert with_us <= without, (what, number)
        await held.port.release(held.now)
        assert held.allowed()[0] == held.allowed()[1], "nothing of theirs is gone"

    asyncio.run(run())


@pytest.mark.parametrize("version", STATIONS)
def test_a_profile_of_somebody_else_outlives_ours(version: str) -> None:
    """Somebody's 1.4 kW of level 0 are there again when ours is over or released, in every version: not replaced, not cleared."""

    async def run() -> None:
        held = _Held(version, [_profile(1, "TxDefaultProfile", 1400)])
        await held.port.open(START)
        await held.port.command(Setpoint(Mode.LIMIT, 500), START + QUARTER, START)
        assert held.point.limit_w == 500
        await held.to(START + QUARTER)
        assert held.point.limit_w == 1400
        await held.port.command(Setpoint(Mode.LIMIT, 500), START + 2 * QUARTER, held.now)
        await held.port.release(held.now)
        assert held.point.limit_w == 1400

    asyncio.run(run())


def test_a_station_that_refuses_our_level_is_asked_at_level_0() -> None:
    """It says that it takes up to level 8, and takes 0 only: the limit is set, and kept to level 0 from then on."""

    async def run() -> list[int]:
        held, levels = _Held("1.6", []), []
        station = held.stations[0]
        install = station._profiles.install

        def picky(request: Payload, transaction: str) -> str:
            levels.append(request.part("chargingProfile").whole("stackLevel"))
            return install(request, transaction) if levels[-1] == 0 else "InvalidStackLevel"

        station._profiles.install = picky  # type: ignore[method-assign]
        await held.port.open(START)
        for _ in range(2):
            await held.port.command(Setpoint(Mode.LIMIT, 3000), START + QUARTER, START)
            assert held.point.limit_w == 3000
        return levels

    assert asyncio.run(run()) == [8, 0, 0]


def test_a_refusal_at_every_level_is_a_fault() -> None:
    """Refused at its level, at 0 and in amperes: DeviceFault, as before."""

    async def run() -> None:
        held = _Held("1.6", [])
        held.stations[0]._profiles.install = lambda *_: "InternalError"  # type: ignore[method-assign]
        await held.port.open(START)
        with pytest.raises(DeviceFault, match="Rejected to a limit of 3000 W"):
            await held.port.command(Setpoint(Mode.LIMIT, 3000), START + QUARTER, START)

    asyncio.run(run())


def _found(**profile: Any) -> list[ForeignLimit]:
    return foreign_limits(Payload(json.loads(json.dumps(profile))), OURS)


def test_what_a_profile_limits_and_when() -> None:
    """Periods of an absolute schedule in turn, amperes by phases; the smallest of a recurring one always."""
    begin = START - timedelta(days=1)
    two = [{"startPeriod": 0, "limit": 16, "numberPhases": 1}, {"startPeriod": 3600, "limit": 6}]
    daily = _profile(3, "TxDefaultProfile", 0, unit="A")
    daily["chargingSchedule"][0] |= {"chargingSchedulePeriod": two, "duration": 7200}
    hour = timedelta(hours=1)
    assert _found(**daily) == [
        ForeignLimit(16 * 230, begin, begin + hour),
        ForeignLimit(6 * 690, begin + hour, begin + 2 * hour),
    ]
    late = _found(**{**daily, "validFrom": _stamp(begin + hour / 2)})
    assert [limit.begin for limit in late] == [begin + hour / 2, begin + hour]
    always = _found(**{**daily, "chargingProfileKind": "Recurring", "recurrencyKind": "Daily"})
    assert {(limit.begin.year, limit.end.year) for limit in always} == {(1, 9999)}
    assert _found(**_profile(4, "TxProfile", 900, transactionId="T"))[0].transaction == "T"


@pytest.mark.parametrize(
    "profile",
    [
        _profile(ids_at(1)[0], "TxProfile", 1000),
        _profile(ids_at(1)[1], "TxDefaultProfile", 1000),
        _profile(1, "ChargingStationMaxProfile", 1000),
        _profile(1, "ChargingStationExternalConstraints", 1000),
        _profile(1, "TxDefaultProfile", -1),
    ],
)
def test_what_is_ours_or_kept_by_the_station_itself_is_not_remembered(profile: dict[str, Any]) -> None:
    """Our own, those for the whole station (the station keeps them beside ours), and -1 (which means none)."""
    assert _found(**profile) == []
