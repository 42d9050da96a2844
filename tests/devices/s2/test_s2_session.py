"""S2's rules: one ReceptionStatus for each message, repeats without effect, and no exception whatever arrives."""

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from s2python.common import ReceptionStatus, ReceptionStatusValues

from devices.s2.machine import CemMachine
from devices.s2.session import S2_VERSION
from devices.simulators.gateway.machine import GatewayMachine

A = "aaaaaaaa-0000-4000-8000-000000000001"
HANDSHAKE = {"message_type": "Handshake", "message_id": A, "role": "RM", "supported_protocol_versions": [S2_VERSION]}


def _send(machine, **fields):
    return [json.loads(frame) for frame in machine.receive(json.dumps(fields))]


@pytest.mark.parametrize(
    ("frame", "status"),
    [
        ("no json", "INVALID_DATA"),
        ('{"message_type":"Handshake","x":NaN}', "INVALID_DATA"),
        ("[" * 100_000, "INVALID_DATA"),
        ("[]", "INVALID_MESSAGE"),
        ('{"message_type":["Handshake"]}', "INVALID_MESSAGE"),
        (json.dumps({"message_type": "Coffee", "message_id": A}), "INVALID_MESSAGE"),
        (json.dumps({"message_type": "Handshake", "message_id": A}), "INVALID_MESSAGE"),
        ('{"message_type":"Handshake","message_id":"not-a-uuid","role":"RM"}', "INVALID_MESSAGE"),
        (json.dumps(HANDSHAKE | {"role": "CEM"}), "INVALID_CONTENT"),
        (
            json.dumps({"message_type": "SelectControlType", "message_id": A, "control_type": "NO_SELECTION"}),
            "INVALID_CONTENT",
        ),
    ],
)
def test_each_fault_of_the_peer_has_its_status(frame, status):
    """A wrong message is answered by one ReceptionStatus that says what is wrong with it."""
    (answer,) = CemMachine("gw").receive(frame)
    assert json.loads(answer)["status"] == status


def test_a_common_version_is_selected():
    """The CEM acknowledges first and then selects a version that both speak."""
    status, response = _send(CemMachine("gw"), **HANDSHAKE)
    assert (status["status"], status["subject_message_id"]) == ("OK", A)
    assert response["selected_protocol_version"] == S2_VERSION


def test_without_a_common_version_the_session_ends():
    """Two that have no version in common part with a reason."""
    machine = CemMachine("gw")
    _, goodbye = _send(machine, **HANDSHAKE | {"supported_protocol_versions": ["9.9"]})
    assert goodbye["request"] == "TERMINATE"
    assert machine.closed
    machine.attached()
    assert not machine.closed, "a new session starts afresh"


def test_a_repeated_message_is_acknowledged_without_a_second_effect():
    """The same frame twice selects the version once."""
    machine = CemMachine("gw")
    assert len(_send(machine, **HANDSHAKE)) == 2
    assert len(_send(machine, **HANDSHAKE)) == 1


def test_a_broken_reception_status_is_not_answered():
    """Nobody answers a ReceptionStatus, or two ends could go on for ever."""
    assert _send(CemMachine("gw"), message_type="ReceptionStatus", status="GREAT") == []


@given(st.uuids())
def test_the_plain_ok_is_to_the_letter_the_librarys_own(subject):
    """Half of all frames are written and read without the library: they say what it would, of any message."""
    told = HANDSHAKE | {"message_id": str(subject)}
    written = CemMachine("gw").receive(json.dumps(told))[0]
    assert written == ReceptionStatus(subject_message_id=subject, status=ReceptionStatusValues.OK).to_json()


@pytest.mark.parametrize("written", [str, lambda told: str(told).upper(), lambda told: told.hex])
@pytest.mark.parametrize("more", ["", ',"diagnostic_label":"fine"', ',"diagnostic_label":null'])
def test_an_ok_however_it_is_written_is_the_answer_to_its_message(written, more):
    """Ours and the library's, and those of peers that write identifiers and labels otherwise; a second one changes nothing."""
    machine = CemMachine("gw")
    (frame,) = machine.attached()
    subject = uuid.UUID(json.loads(frame)["message_id"])
    text = f'{{"message_type":"ReceptionStatus","subject_message_id":"{written(subject)}","status":"OK"{more}}}'
    assert not machine.quiet
    assert machine.receive(text) == []
    assert machine.quiet
    assert machine.receive(text) == []


@pytest.mark.parametrize("subject", [A, "z" * 36, "{" + A[1:-1] + "}", A.replace("-", " ")])
def test_an_ok_to_nothing_of_ours_answers_nothing(subject):
    """Whoever is meant by it, what waits goes on waiting, and nobody answers."""
    machine = CemMachine("gw")
    machine.attached()
    text = f'{{"message_type":"ReceptionStatus","subject_message_id":"{subject}","status":"OK"}}'
    assert machine.receive(text) == []
    assert not machine.quiet


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
_TYPES = st.sampled_from(
    ["Handshake", "PowerMeasurement", "FRBC.UsageForecast", "FRBC.ActuatorStatus", "PEBC.Instruction", "RevokeObject"]
)


def _machines():
    return CemMachine("gw"), GatewayMachine("gw", None)


@given(st.text() | _JSON.map(json.dumps))
def test_no_frame_makes_either_side_raise(frame):
    """Whatever arrives, both sides answer with a ReceptionStatus or keep silent."""
    for machine in _machines():
        for answer in machine.receive(frame):
            assert json.loads(answer)["message_type"] == "ReceptionStatus"


@given(_TYPES, st.dictionaries(st.sampled_from(["role", "values", "elements", "object_id", "x"]), _JSON, max_size=4))
def test_no_content_makes_either_side_raise(kind, fields):
    """A typed message with any content gets exactly one ReceptionStatus."""
    frame = json.dumps(fields | {"message_type": kind, "message_id": str(uuid.UUID(int=7))})
    for machine in _machines():
        kinds = [json.loads(answer)["message_type"] for answer in machine.receive(frame)]
        assert kinds.count("ReceptionStatus") == 1


@given(st.data())
def test_single_broken_characters_never_raise(data):
    """A good frame with any one character replaced or cut is answered, not a crash."""
    frame = json.dumps(HANDSHAKE)
    place = data.draw(st.integers(0, len(frame) - 1))
    broken = frame[:place] + data.draw(st.text(max_size=2)) + frame[place + data.draw(st.integers(0, 5)) :]
    for machine in _machines():
        assert len(machine.receive(broken)) >= 1
