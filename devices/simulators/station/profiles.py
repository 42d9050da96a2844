"""The charging profiles that a simulated station holds, and the limit that follows from them (OCPP 2.0.1, K01)."""

from __future__ import annotations

from datetime import datetime, timedelta

from devices.ocpp.payload import Payload, PeerFault

_VOLTAGE_V = 230.0
_FOREVER = timedelta(days=3650)


MAX_STACK_LEVEL = 8


class Profiles:
    """Installed profiles by id. A TxProfile overrules a TxDefaultProfile; a ChargingStationMaxProfile caps both.

    What is for EVSE 0 holds at each of them, a ChargingStationMaxProfile there for all together as well.

    Args:
        evses: how many the station has.
    """

    def __init__(self, evses: int = 1) -> None:
        self.evses = evses
        self._by_id: dict[int, Payload] = {}
        self._where: dict[int, int] = {}  # at which EVSE

    def install(self, request: Payload, transaction: str) -> str:
        """Install a SetChargingProfile request; the reason code of a refusal, or nothing."""
        profile = request.part("chargingProfile")
        purpose = profile.text("chargingProfilePurpose")
        evse = request.whole("evseId")
        if not 0 <= evse <= self.evses:
            return "UnknownEvse"
        if not 0 <= profile.whole("stackLevel") <= MAX_STACK_LEVEL:
            return "InvalidStackLevel"
        if purpose == "TxProfile" and (not transaction or profile.text("transactionId", "") != transaction):
            return "TxNotFound"
        if purpose == "ChargingStationExternalConstraints" or profile.text("chargingProfileKind") == "Recurring":
            return "UnsupportedParam"
        for schedule in profile.parts("chargingSchedule"):
            if any(period.number("limit", 0.0) < 0 for period in schedule.parts("chargingSchedulePeriod")):
                return "InvalidSchedule"
            _check_times(profile, schedule)
        rank = (purpose, profile.whole("stackLevel"))
        for other, held in list(self._by_id.items()):
            if (held.text("chargingProfilePurpose"), held.whole("stackLevel")) == rank and self._where[other] == evse:
                del self._by_id[other]  # K01.FR.06: one profile for each purpose and stack level of an EVSE
        self._by_id[profile.whole("id")], self._where[profile.whole("id")] = profile, evse
        return ""

    @property
    def held(self) -> list[tuple[int, Payload]]:
        """All that are installed, each with its EVSE."""
        return [(self._where[number], profile) for number, profile in self._by_id.items()]

    def _at(self, evse: int) -> list[Payload]:
        """What holds at an EVSE, what counts least first: by level, and at one level what is for all of them."""
        found = [(n, p) for n, p in self._by_id.items() if self._where[n] in (0, evse)]
        return [p for n, p in sorted(found, key=lambda one: (_level(one[1]), self._where[one[0]]))]

    def clear(self, request: Payload) -> bool:
        """Drop what a ClearChargingProfile request matches; False when nothing did."""
        criteria = request.part("chargingProfileCriteria")
        gone = [
            number
            for number, profile in self._by_id.items()
            if number == request.whole("chargingProfileId", number)
            and _purpose(profile) == criteria.text("chargingProfilePurpose", _purpose(profile))
            and _level(profile) == criteria.whole("stackLevel", _level(profile))
            and self._where[number] == criteria.whole("evseId", self._where[number])
        ]
        for number in gone:
            del self._by_id[number]
        return bool(gone)

    def end_transaction(self, transaction: str) -> None:
        """A TxProfile ends with its transaction."""
        self._by_id = {
            n: p for n, p in self._by_id.items() if p.text("transactionId", "") != transaction or not transaction
        }

    def next_edge(self, now: datetime) -> datetime | None:
        """The next instant after `now` at which a profile begins, steps or ends; None if none will."""
        return min((at for p in self._by_id.values() for at in _edges(p) if at > now), default=None)

    def limit_w(self, now: datetime, transaction: str, evse: int = 1) -> float | None:
        """The limit at `now` at an EVSE in watts; None when there is none."""
        by_purpose: dict[str, float] = {}
        for profile in self._at(evse):
            limit = _limit(profile, now)
            if limit is not None:
                by_purpose[_purpose(profile)] = limit
        own = by_purpose.get("TxProfile") if transaction else None
        own = by_purpose.get("TxDefaultProfile") if own is None else own
        limits = [limit for limit in (own, by_purpose.get("ChargingStationMaxProfile")) if limit is not None]
        return min(limits) if limits else None

    def station_w(self, now: datetime) -> float | None:
        """The limit at `now` for all EVSEs together in watts; None when there is none."""
        purposes = {_purpose(p): limit for p in self._at(0) if (limit := _limit(p, now)) is not None}
        return purposes.get("ChargingStationMaxProfile")

    def setpoint_w(self, now: datetime, transaction: str, evse: int = 1) -> float | None:
        """The power that is asked for at `now` (2.1, operation mode CentralSetpoint), W; None where none is."""
        asked: dict[str, float] = {}
        for profile in self._at(evse):
            period = _period(profile, now)
            if period is not None and period.text("operationMode", "") == "CentralSetpoint":
                asked[_purpose(profile)] = period.number("setpoint") * _watts(profile, period)
        own = asked.get("TxProfile") if transaction else None
        return asked.get("TxDefaultProfile") if own is None else own

    def composite(
        self, now: datetime, duration_s: int, transaction: str, max_power_w: float, evse: int = 1
    ) -> list[tuple[int, float]]:
        """(start in seconds from `now`, limit in watts) steps at an EVSE over `duration_s`, never above the rated power.

        EVSE 0 is all of them together; where there is one, that is it.
        """
        end = now + timedelta(seconds=min(duration_s, int(_FOREVER.total_seconds())))
        edges = {now}
        for profile in self._by_id.values():
            edges |= {at for at in _edges(profile) if now < at < end}
        steps: list[tuple[int, float]] = []
        for at in sorted(edges):
            whole = evse == 0 and self.evses > 1
            limit = self.station_w(at) if whole else self.limit_w(at, transaction, max(evse, 1))
            watts = max_power_w if limit is None else min(limit, max_power_w)
            if not steps or steps[-1][1] != watts:
                steps.append((round((at - now).total_seconds()), watts))
        return steps


def _purpose(profile: Payload) -> str:
    return profile.text("chargingProfilePurpose")


def _level(profile: Payload) -> int:
    return profile.whole("stackLevel")


def _check_times(profile: Payload, schedule: Payload) -> None:
    for key in ("validFrom", "validTo"):
        if key in profile:
            profile.instant(key)
    if "startSchedule" not in schedule:
        raise PeerFault("PropertyConstraintViolation", "startSchedule: expected one in an Absolute or Relative profile")
    _span(schedule.whole("duration", 0), "duration")
    for period in schedule.parts("chargingSchedulePeriod"):
        _span(period.whole("startPeriod"), "startPeriod")
    schedule.instant("startSchedule")


def _span(seconds: int, where: str) -> timedelta:
    if not 0 <= seconds <= _FOREVER.total_seconds():
        raise PeerFault("PropertyConstraintViolation", f"{where}: {seconds} s is not within ten years")
    return timedelta(seconds=seconds)


def _valid(profile: Payload, now: datetime) -> bool:
    begun = "validFrom" not in profile or profile.instant("validFrom") <= now
    return begun and ("validTo" not in profile or now < profile.instant("validTo"))


def _limit(profile: Payload, now: datetime) -> float | None:
    period = _period(profile, now)
    return None if period is None or "limit" not in period else period.number("limit") * _watts(profile, period)


def _period(profile: Payload, now: datetime) -> Payload | None:
    """The period of a profile's schedule that holds at `now`."""
    if not _valid(profile, now):
        return None
    schedule = profile.parts("chargingSchedule")[0]
    start = schedule.instant("startSchedule")
    if now < start or ("duration" in schedule and now >= start + timedelta(seconds=schedule.whole("duration"))):
        return None
    begun = [
        period
        for period in schedule.parts("chargingSchedulePeriod")
        if start + timedelta(seconds=period.whole("startPeriod")) <= now
    ]
    return begun[-1] if begun else None


def _watts(profile: Payload, period: Payload) -> float:
    """What one of the unit of a profile's schedule is, W."""
    in_watts = profile.parts("chargingSchedule")[0].text("chargingRateUnit") == "W"
    return 1.0 if in_watts else _VOLTAGE_V * period.whole("numberPhases", 3)


def _edges(profile: Payload) -> set[datetime]:
    schedule = profile.parts("chargingSchedule")[0]
    start = schedule.instant("startSchedule")
    edges = {
        start + timedelta(seconds=period.whole("startPeriod")) for period in schedule.parts("chargingSchedulePeriod")
    }
    if "duration" in schedule:
        edges.add(start + timedelta(seconds=schedule.whole("duration")))
    return edges | {profile.instant(key) for key in ("validFrom", "validTo") if key in profile}
