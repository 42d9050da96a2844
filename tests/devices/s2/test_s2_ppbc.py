"""What the CEM reads of PPBC's messages and what it writes, against messages made by hand from the standard."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cim.model.devices import Programme, ProgrammeState
from devices.s2.machine import CemMachine
from devices.s2.rm_state import PPBC

FOLDER = Path(__file__).parents[2] / "golden" / "s2" / "washing_machine"
NOW = datetime(2026, 1, 1, 9, 15, tzinfo=UTC)
READY = Programme(
    identity="20000000-0000-4000-8000-000000000001",
    earliest=datetime(2026, 1, 1, 7, tzinfo=UTC),
    latest_end=datetime(2026, 1, 1, 17, tzinfo=UTC),
    steps=((600, 100.0), (1200, 2000.0), (1800, 400.0)),
    state=ProgrammeState.READY,
    done_s=0,
    at=NOW,
)


def golden(name: str) -> dict[str, Any]:
    """A message of the case."""
    message: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return message


class Cem:
    """A CEM that hears messages as they are, numbered so that none is taken for a repeat."""

    def __init__(self) -> None:
        self.machine = CemMachine("washer", wanted=(PPBC,))
        self.machine.now = NOW
        self.count = 0

    def hear(self, message: dict[str, Any]) -> str:
        """The status that a message is answered with."""
        self.count += 1
        numbered = message | {"message_id": f"50000000-0000-4000-8000-{self.count:012d}"}
        (answer,) = self.machine.receive(json.dumps(numbered))
        status: str = json.loads(answer)["status"]
        return status


def test_a_definition_is_read_as_a_programme() -> None:
    """The sequence for normal conditions, its total electric power, its instants in UTC, and when it begins by itself."""
    cem = Cem()
    assert cem.hear(golden("definition")) == "OK"
    assert cem.machine.news.drain() == (READY,)
    assert READY.latest_start == datetime(2026, 1, 1, 16, tzinfo=UTC)


def test_a_status_says_how_far_it_is() -> None:
    """With a progress in milliseconds, as the standard has it; told again without a change it is no news."""
    cem = Cem()
    cem.hear(golden("definition"))
    cem.machine.news.drain()
    assert cem.hear(golden("status")) == "OK"
    assert cem.machine.news.drain() == (replace(READY, state=ProgrammeState.RUNNING, done_s=90),)
    assert cem.hear(golden("status")) == "OK"
    assert cem.machine.news.drain() == ()


@pytest.mark.parametrize(
    ("word", "state", "done_s"),
    [
        ("NOT_SCHEDULED", ProgrammeState.READY, 0),
        ("SCHEDULED", ProgrammeState.READY, 0),
        ("EXECUTING", ProgrammeState.RUNNING, 90),
        ("INTERRUPTED", ProgrammeState.PAUSED, 90),
        ("FINISHED", ProgrammeState.OVER, 90),
        ("ABORTED", ProgrammeState.OVER, 90),
    ],
)
def test_each_status_of_the_standard_has_its_meaning(word: str, state: ProgrammeState, done_s: int) -> None:
    """All six; what has not begun has made no progress."""
    cem, status = Cem(), golden("status")
    status["sequence_container_status"][0]["status"] = word
    cem.hear(golden("definition"))
    assert cem.hear(status) == "OK"
    assert cem.machine.programme is not None
    assert (cem.machine.programme.state, cem.machine.programme.done_s) == (state, done_s)


def test_a_start_is_written_as_the_standard_has_it() -> None:
    """A schedule instruction for now, with ids of its own."""
    cem = Cem()
    cem.hear(golden("definition"))
    (frame,), (instruction,) = cem.machine.start()
    written, expected = json.loads(frame), golden("schedule")
    assert written["id"] == str(instruction) != written["message_id"]
    assert written | {"id": "any", "message_id": "any"} == expected


def test_the_forecast_tells_the_rating() -> None:
    """The most that it may draw, not what it is expected to draw on average."""
    cem = Cem()
    assert cem.hear(golden("forecast")) == "OK"
    assert cem.machine.forecast_peak_w == 2200


def test_a_programme_that_is_taken_back_is_over() -> None:
    """Somebody opened the door: nothing can be started any more."""
    cem = Cem()
    cem.hear(golden("definition"))
    cem.machine.news.drain()
    revoked = {
        "message_type": "RevokeObject",
        "object_type": "PPBC.PowerProfileDefinition",
        "object_id": READY.identity,
    }
    assert cem.hear(revoked) == "OK"
    assert cem.machine.news.drain() == (replace(READY, state=ProgrammeState.OVER),)
    assert cem.machine.profile is None


def _container(change: dict[str, Any]) -> dict[str, Any]:
    message = golden("definition")
    message["power_sequences_containers"][0].update(change)
    return message


def _sequence(change: dict[str, Any]) -> dict[str, Any]:
    message = golden("definition")
    message["power_sequences_containers"][0]["power_sequences"][1].update(change)
    return message


HEAT = [{"duration": 1000, "power_values": [{"value_expected": 1, "commodity_quantity": "HEAT.FLOW_RATE"}]}]
BLINK = [{"duration": 1500, "power_values": [{"value_expected": 1, "commodity_quantity": "ELECTRIC.POWER.L1"}]}]


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (golden("definition") | {"power_sequences_containers": []}, "INVALID_MESSAGE"),
        (golden("definition") | {"power_sequences_containers": [golden("definition")] * 2}, "INVALID_MESSAGE"),
        (
            golden("definition") | {"power_sequences_containers": golden("definition")["power_sequences_containers"] * 2},
            "INVALID_CONTENT",
        ),
        (_container({"power_sequences": golden("definition")["power_sequences_containers"][0]["power_sequences"][:1]}),
         "INVALID_CONTENT"),
        (_sequence({"elements": HEAT}), "INVALID_CONTENT"),
        (_sequence({"elements": BLINK}), "INVALID_CONTENT"),
        (golden("definition") | {"end_time": "2026-01-01T08:59:59+01:00"}, "INVALID_CONTENT"),
        (golden("definition") | {"end_time": "soon"}, "INVALID_MESSAGE"),
        (golden("status"), "INVALID_CONTENT"),
    ],
)  # fmt: skip
def test_what_could_not_be_started_is_refused_when_it_is_told(message: dict[str, Any], status: str) -> None:
    """Each with the status of the standard; nothing of it is kept."""
    cem = Cem()
    assert cem.hear(message) == status
    assert cem.machine.profile is None
    assert cem.machine.programme is None
    assert cem.machine.news.drain() == ()


def test_a_status_of_another_programme_is_refused() -> None:
    """It changes nothing of what is known."""
    cem, status = Cem(), golden("status")
    cem.hear(golden("definition"))
    status["sequence_container_status"][0]["power_profile_id"] = "20000000-0000-4000-8000-000000000002"
    assert cem.hear(status) == "INVALID_CONTENT"
    assert cem.machine.programme == READY
    status["sequence_container_status"] = []
    assert cem.hear(status) == "INVALID_MESSAGE"


def test_the_same_programme_told_again_is_no_news() -> None:
    """In a new session everything is described anew; only what changed meanwhile is news."""
    cem = Cem()
    cem.hear(golden("definition"))
    cem.hear(golden("status"))
    cem.machine.news.drain()
    cem.machine.now = NOW + timedelta(minutes=5)
    cem.machine.forget_session()
    cem.hear(golden("definition"))
    assert cem.machine.news.drain() == ()
    assert cem.machine.programme is not None
    assert cem.machine.programme.state is ProgrammeState.RUNNING


@pytest.mark.parametrize("spoilt", ["9" * 400, 2**70, "1e999", "NaN", 1e300])
@pytest.mark.parametrize("where", ["duration", "power", "progress", "forecast"])
def test_a_number_that_no_appliance_has_is_refused(where: str, spoilt: object) -> None:
    """A duration, a power or a progress beyond all bounds, as a number or a text: told back, and nothing is known of it."""
    cem = Cem()
    definition, status = golden("definition"), golden("status")
    sequences = definition["power_sequences_containers"][0]["power_sequences"]
    element = next(one for one in sequences if not one["abnormal_condition_only"])["elements"][0]
    if where == "forecast":
        value = {"value_expected": spoilt, "commodity_quantity": "ELECTRIC.POWER.L1"}
        forecast = {"message_type": "PowerForecast", "start_time": NOW.isoformat(),
                    "elements": [{"duration": 1000, "power_values": [value]}]}  # fmt: skip
        assert cem.hear(forecast).startswith("INVALID")
        assert cem.machine.forecast_peak_w is None
        return
    if where == "progress":
        assert cem.hear(definition) == "OK"
        assert cem.machine.news.drain() == (READY,)
        status["sequence_container_status"][0]["progress"] = spoilt
        assert cem.hear(status).startswith("INVALID")
    elif where == "power":
        element["power_values"] = [{"value_expected": spoilt, "commodity_quantity": "ELECTRIC.POWER.L1"}]
        assert cem.hear(definition).startswith("INVALID")
    else:
        element["duration"] = spoilt
        assert cem.hear(definition).startswith("INVALID")
    assert cem.machine.news.drain() == ()
