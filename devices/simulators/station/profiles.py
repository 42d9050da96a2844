"""The charging profiles that a simulated station holds, and the limit that follows from them (OCPP 2.0.1, K01)."""

from __future__ import annotations

from datetime import datetime, timedelta

from devices.ocpp.v201.messages import Payload, PeerFault, instant

_VOLTAGE_V = 230.0
_FOREVER = timedelta(days=3650)


class Profiles:
    """Installed profiles by id. A TxProfile overrules a TxDefaultProfile; a ChargingStationMaxProfile caps both."""

    def __init__(self) -> None:
        self._by_id: dict[int, Payload] = {}

    def install(self, request: Payload, transaction: str) -> str:
        """Install a SetChargingProfile request; the reason code of a refusal, or nothing."""
        profile = request["chargingProfile"]
        purpose = profile["chargingProfilePurpose"]
        if request["evseId"] not in (0, 1):
            return "UnknownEvse"
        if purpose == "TxProfile" and (not transaction or profile.get("transactionId") != transaction):
            return "TxNotFound"
        if purpose == "ChargingStationExternalConstraints" or profile["chargingProfileKind"] == "Recurring":
            return "UnsupportedParam"
        for schedule in profile["chargingSchedule"]:
            if any(period["limit"] < 0 for period in schedule["chargingSchedulePeriod"]):
                return "InvalidSchedule"
            _check_times(profile, schedule)
        rank = (purpose, profile["stackLevel"])
        for other, held in list(self._by_id.items()):
            if (held["chargingProfilePurpose"], held["stackLevel"]) == rank:
                del self._by_id[other]  # K01.FR.06: one profile for each purpose and stack level
        self._by_id[profile["id"]] = profile
        return ""

    def clear(self, request: Payload) -> bool:
        """Drop what a ClearChargingProfile request matches; False when nothing did."""
        criteria = request.get("chargingProfileCriteria", {})
        gone = [
            number
            for number, profile in self._by_id.items()
            if number == request.get("chargingProfileId", number)
            and profile["chargingProfilePurpose"]
            == criteria.get("chargingProfilePurpose", profile["chargingProfilePurpose"])
            and profile["stackLevel"] == criteria.get("stackLevel", profile["stackLevel"])
        ]
        for number in gone:
            del self._by_id[number]
        return bool(gone)

    def end_transaction(self, transaction: str) -> None:
        """A TxProfile ends with its transaction."""
        self._by_id = {n: p for n, p in self._by_id.items() if p.get("transactionId") != transaction or not transaction}

    def next_edge(self, now: datetime) -> datetime | None:
        """The next instant after `now` at which a profile begins, steps or ends; None if none will."""
        return min((at for p in self._by_id.values() for at in _edges(p) if at > now), default=None)

    def limit_w(self, now: datetime, transaction: str) -> float | None:
        """The limit at `now` in watts; None when there is none."""
        by_purpose: dict[str, float] = {}
        for profile in sorted(self._by_id.values(), key=lambda p: p["stackLevel"]):
            limit = _limit(profile, now)
            if limit is not None:
                by_purpose[profile["chargingProfilePurpose"]] = limit
        own = by_purpose.get("TxProfile") if transaction else None
        own = by_purpose.get("TxDefaultProfile") if own is None else own
        limits = [limit for limit in (own, by_purpose.get("ChargingStationMaxProfile")) if limit is not None]
        return min(limits) if limits else None

    def composite(
        self, now: datetime, duration_s: int, transaction: str, max_power_w: float
    ) -> list[tuple[int, float]]:
        """(start in seconds from `now`, limit in watts) steps over `duration_s`, never above the rated power."""
        end = now + timedelta(seconds=min(duration_s, int(_FOREVER.total_seconds())))
        edges = {now}
        for profile in self._by_id.values():
            edges |= {at for at in _edges(profile) if now < at < end}
        steps: list[tuple[int, float]] = []
        for at in sorted(edges):
            limit = self.limit_w(at, transaction)
            watts = max_power_w if limit is None else min(limit, max_power_w)
            if not steps or steps[-1][1] != watts:
                steps.append((round((at - now).total_seconds()), watts))
        return steps


def _check_times(profile: Payload, schedule: Payload) -> None:
    for key in ("validFrom", "validTo"):
        if key in profile:
            instant(profile[key], key)
    if "startSchedule" not in schedule:
        raise PeerFault("PropertyConstraintViolation", "startSchedule: expected one in an Absolute or Relative profile")
    _span(schedule.get("duration", 0), "duration")
    for period in schedule["chargingSchedulePeriod"]:
        _span(period["startPeriod"], "startPeriod")
    instant(schedule["startSchedule"], "startSchedule")


def _span(seconds: int, where: str) -> timedelta:
    if not 0 <= seconds <= _FOREVER.total_seconds():
        raise PeerFault("PropertyConstraintViolation", f"{where}: {seconds} s is not within ten years")
    return timedelta(seconds=seconds)


def _valid(profile: Payload, now: datetime) -> bool:
    begun = "validFrom" not in profile or instant(profile["validFrom"], "validFrom") <= now
    return begun and ("validTo" not in profile or now < instant(profile["validTo"], "validTo"))


def _limit(profile: Payload, now: datetime) -> float | None:
    if not _valid(profile, now):
        return None
    schedule = profile["chargingSchedule"][0]
    start = instant(schedule["startSchedule"], "startSchedule")
    if now < start or ("duration" in schedule and now >= start + timedelta(seconds=schedule["duration"])):
        return None
    limit = None
    for period in schedule["chargingSchedulePeriod"]:
        if start + timedelta(seconds=period["startPeriod"]) <= now:
            phases = period.get("numberPhases", 3)
            limit = period["limit"] * (1.0 if schedule["chargingRateUnit"] == "W" else _VOLTAGE_V * phases)
    return limit


def _edges(profile: Payload) -> set[datetime]:
    schedule = profile["chargingSchedule"][0]
    start = instant(schedule["startSchedule"], "startSchedule")
    edges = {start + timedelta(seconds=period["startPeriod"]) for period in schedule["chargingSchedulePeriod"]}
    if "duration" in schedule:
        edges.add(start + timedelta(seconds=schedule["duration"]))
    return edges | {instant(profile[key], key) for key in ("validFrom", "validTo") if key in profile}
