"""What a simulated appliance's resource manager answers, message by message (S2's power profile based control)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from s2python.version import S2_VERSION

from tests.devices.s2.appliances import START, Direct


class Rm:
    """A CEM of bare messages in front of the simulated appliance."""

    def __init__(self, interruptible: bool = False) -> None:
        self.site = Direct(interruptible)
        self.machine, self.count = self.site.machine, 0
        self.machine.start(START)
        self.say(message_type="Handshake", role="CEM", supported_protocol_versions=[S2_VERSION])
        self.say(message_type="HandshakeResponse", selected_protocol_version=S2_VERSION)
        self.say(message_type="SelectControlType", control_type="POWER_PROFILE_BASED_CONTROL")
        while self.site.now < START + timedelta(hours=1):
            self.site.move()
            for frame in self.machine.advance(self.site.now):
                message = json.loads(frame)
                if message["message_type"] == "PPBC.PowerProfileDefinition":
                    (container,) = message["power_sequences_containers"]
                    self.names = {
                        "power_profile_id": message["id"],
                        "sequence_container_id": container["id"],
                        "power_sequence_id": container["power_sequences"][0]["id"],
                    }

    def say(self, **message: Any) -> list[dict[str, Any]]:
        """What it answers."""
        self.count += 1
        framed = {**message, "message_id": f"60000000-0000-4000-8000-{self.count:012d}"}
        return [json.loads(frame) for frame in self.machine.receive(json.dumps(framed))]

    def instruct(self, what: str, hours: float, **changed: Any) -> list[dict[str, Any]]:
        """An instruction for so many hours after the start; what it answers."""
        self.identity = f"70000000-0000-4000-8000-{self.count:012d}"
        at = (START + timedelta(hours=hours)).isoformat()
        fields = {**self.names, "execution_time": at, "abnormal_condition": False, "id": self.identity, **changed}
        return self.say(message_type=f"PPBC.{what}", **fields)

    def advance(self, hours: float) -> list[dict[str, Any]]:
        """What it says up to so many hours after the start."""
        said = []
        while self.site.now < START + timedelta(hours=hours):
            self.site.move()
            self.machine.look(self.site.now)
            said += [json.loads(frame) for frame in self.machine.advance(self.site.now)]
        return said


def words(messages: list[dict[str, Any]]) -> list[str]:
    """The statuses in messages, in their order."""
    found = []
    for message in messages:
        if message["message_type"] == "InstructionStatusUpdate":
            found.append(message["status_type"])
        elif message["message_type"] == "PPBC.PowerProfileStatus":
            found.append(message["sequence_container_status"][0]["status"])
        elif message["message_type"] == "ReceptionStatus":
            found.append(message["status"])
    return found


def test_a_start_ahead_is_scheduled_started_and_finished() -> None:
    """Other CEMs than ours schedule ahead: the statuses of the instruction and of the sequence follow each other."""
    rm = Rm()
    assert words(rm.instruct("ScheduleInstruction", 2.0)) == ["OK", "ACCEPTED", "SCHEDULED"]
    assert words(rm.advance(2.5)) == ["STARTED", "EXECUTING"]
    assert words(rm.advance(4)) == ["SUCCEEDED", "FINISHED"]
    assert rm.site.unit.started_s == (START + timedelta(hours=2)).timestamp()


def test_a_scheduled_start_can_be_taken_back() -> None:
    """Until it has begun; then it begins at its latest start."""
    rm = Rm()
    rm.instruct("ScheduleInstruction", 2.0)
    revoke = {"message_type": "RevokeObject", "object_type": "PPBC.ScheduleInstruction", "object_id": rm.identity}
    assert words(rm.say(**revoke)) == ["OK", "REVOKED", "NOT_SCHEDULED"]
    assert words(rm.say(**revoke)) == ["INVALID_CONTENT"]
    rm.advance(4.9)
    assert rm.site.unit.ready
    rm.instruct("ScheduleInstruction", 4.9)
    assert words(rm.say(**revoke | {"object_id": rm.identity})) == ["INVALID_CONTENT"]


def test_what_does_not_fit_is_refused() -> None:
    """Another programme, an end after its latest, one that runs, a pause of what may not be paused."""
    rm = Rm()
    other = "80000000-0000-4000-8000-000000000000"
    for name in rm.names:
        assert words(rm.instruct("ScheduleInstruction", 2.0, **{name: other})) == ["INVALID_CONTENT"]
    assert words(rm.instruct("ScheduleInstruction", 5.01)) == ["INVALID_CONTENT"]
    assert words(rm.instruct("ScheduleInstruction", 0.0)) == ["OK", "ACCEPTED", "STARTED", "EXECUTING"]
    assert words(rm.instruct("ScheduleInstruction", 2.0)) == ["INVALID_CONTENT"]
    assert words(rm.instruct("StartInterruptionInstruction", 0.0)) == ["INVALID_CONTENT"]
    assert words(rm.say(message_type="SelectControlType", control_type="FILL_RATE_BASED_CONTROL")) == [
        "INVALID_CONTENT"
    ]


def test_an_interruptible_one_is_paused_and_goes_on() -> None:
    """At the instants that the instructions name, also when both are given ahead."""
    rm = Rm(interruptible=True)
    assert words(rm.instruct("StartInterruptionInstruction", 1.0)) == ["INVALID_CONTENT"], "it does not run yet"
    rm.instruct("ScheduleInstruction", 1.0)
    assert words(rm.instruct("StartInterruptionInstruction", 1.5)) == ["OK", "ACCEPTED"]
    assert words(rm.instruct("EndInterruptionInstruction", 2.0)) == ["OK", "ACCEPTED"]
    assert rm.machine.next_change() == START + timedelta(hours=1.5)
    assert "INTERRUPTED" in words(rm.advance(1.75))
    assert rm.site.unit.power_w == 0
    assert words(rm.advance(3)) == ["STARTED", "EXECUTING", "SUCCEEDED", "FINISHED"]
    assert rm.site.unit.ended_s == (START + timedelta(hours=2.5)).timestamp()


def test_deselected_it_waits_for_nobody() -> None:
    """NO_SELECTION ends the control: what is ready begins."""
    rm = Rm()
    assert words(rm.say(message_type="SelectControlType", control_type="NO_SELECTION")) == ["OK"]
    assert rm.site.unit.running
