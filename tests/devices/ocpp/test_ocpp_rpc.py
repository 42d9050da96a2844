"""OCPP-J's rules: error codes, one outstanding call, repeated messages, and no exception whatever arrives."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.ocpp.machine import CsmsMachine
from devices.ocpp.rpc import Rpc
from devices.ocpp.v201.messages import SCHEMAS, call
from devices.simulators.station.machine import StationMachine

BOOT = '[2,"1","BootNotification",{"reason":"PowerUp","chargingStation":{"model":"m","vendorName":"v"}}]'
STARTED = (
    '[2,"2","TransactionEvent",{"eventType":"%s","timestamp":"2026-05-01T08:00:00Z","triggerReason":"CablePluggedIn",'
    '"seqNo":0,"transactionInfo":{"transactionId":"t1"}}]'
)


def _booted() -> CsmsMachine:
    machine = CsmsMachine("cs1")
    machine.receive(BOOT)
    return machine


@pytest.mark.parametrize(
    ("frame", "unique_id", "code"),
    [
        ("no json", "-1", "RpcFrameworkError"),
        ("[" * 100_000, "-1", "RpcFrameworkError"),
        ("{}", "-1", "RpcFrameworkError"),
        ('[2,"x"]', "-1", "RpcFrameworkError"),
        ('[2,7,"Heartbeat",{}]', "-1", "RpcFrameworkError"),
        ('[9,"x","Heartbeat",{}]', "x", "MessageTypeNotSupported"),
        ('[2,"x","Heartbeat"]', "x", "FormatViolation"),
        ('[2,"x","Heartbeat",{"more":1}]', "x", "FormatViolation"),
        ('[2,"x","Heartbeat",[]]', "x", "TypeConstraintViolation"),
        ('[2,"x","MakeCoffee",{}]', "x", "NotImplemented"),
        ('[2,"x","../../v16/schemas/Boot",{}]', "x", "NotImplemented"),
        ('[2,"x","ReserveNow",{"id":1,"expiryDateTime":"2026-05-01T08:00:00Z","idToken":{"idToken":"a","type":"Local"}}]',
         "x", "NotSupported"),
        ('[2,"x","StatusNotification",{}]', "x", "ProtocolError"),
        ('[2,"x","DataTransfer",{"vendorId":5}]', "x", "TypeConstraintViolation"),
        (BOOT.replace('"1"', '"x"').replace("PowerUp", "Boredom"), "x", "PropertyConstraintViolation"),
        (STARTED.replace('"2"', '"x"').replace("2026-05-01T", "yesterday"), "x", "PropertyConstraintViolation"),
    ],
)  # fmt: skip
def test_each_fault_of_the_peer_has_its_code(frame, unique_id, code):
    """A wrong frame is answered by one CALLERROR with the code that OCPP 2.0.1 part 4 gives for it."""
    (answer,) = _booted().receive(frame)
    assert json.loads(answer)[:3] == [4, unique_id, code]


def test_a_station_that_was_accepted_before_our_restart_is_heard_and_asked_to_boot_once():
    """What a running station says to a driver that is new counts (it would be lost), and it is asked who it is."""
    machine = CsmsMachine("cs1")
    first, trigger = machine.receive('[2,"a","Heartbeat",{}]')
    assert json.loads(first)[0] == 3
    assert json.loads(trigger)[2:] == ["TriggerMessage", {"requestedMessage": "BootNotification"}]
    assert len(machine.receive('[2,"b","Heartbeat",{}]')) == 1


def test_a_repeated_call_is_answered_again_without_a_second_effect():
    """The same frame twice gives the same answer and one piece of news."""
    machine = _booted()
    needs = (
        '[2,"n","NotifyEVChargingNeeds",{"evseId":1,"chargingNeeds":{"requestedEnergyTransfer":"AC_three_phase",'
        '"acChargingParameters":{"energyAmount":9000,"evMinCurrent":6,"evMaxCurrent":16,"evMaxVoltage":230}}}]'
    )
    assert machine.receive(needs) == machine.receive(needs)
    assert [(n.energy_wh, n.max_power_w) for n in machine.state.news.drain()] == [(9000, 11_040)]


def test_events_of_an_ended_transaction_do_not_open_it_again():
    """A late Updated after Ended neither plugs nor unplugs anything."""
    machine = _booted()
    machine.receive(STARTED % "Started")
    machine.receive(STARTED % "Ended")
    machine.receive((STARTED % "Updated").replace('"2"', '"3"'))
    assert machine.state.transaction is None
    assert len(machine.state.news) == 1


def test_one_call_is_outstanding_and_the_others_wait():
    """The second CALL leaves only when the first is answered; a late or invented answer changes nothing."""
    answers = {}
    rpc = Rpc(SCHEMAS, "x", {}, answers.__setitem__)
    first, second = rpc.call(call.Heartbeat()), rpc.call(call.Heartbeat())
    assert [json.loads(f)[1] for f in rpc.flush()] == [first]
    assert rpc.flush() == []
    assert rpc.receive('[3,"invented",{}]') == []
    (sent,) = rpc.receive(f'[3,"{first}",{{"currentTime":"2026-05-01T08:00:00Z"}}]')
    assert json.loads(sent)[1] == second
    assert not rpc.quiet
    rpc.receive(f'[4,"{second}","InternalError","sorry",{{}}]')
    assert rpc.quiet
    assert answers[first].error == ""
    assert answers[second].error == "InternalError: sorry"


def test_an_answer_that_breaks_its_schema_is_an_error_not_a_result():
    """JSON schema validation holds for answers too."""
    answers = {}
    rpc = Rpc(SCHEMAS, "x", {}, answers.__setitem__)
    number = rpc.call(call.Heartbeat())
    rpc.flush()
    rpc.receive(f'[3,"{number}",{{"currentTime":12}}]')
    assert "TypeConstraintViolation" in answers[number].error


def _calls_only(frames):
    return [json.loads(frame)[0] for frame in frames]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
_ACTIONS = st.sampled_from(
    ["BootNotification", "TransactionEvent", "MeterValues", "NotifyEVChargingNeeds", "SetChargingProfile", "Nonsense"]
)


@given(st.text() | _JSON.map(json.dumps))
def test_no_frame_makes_either_side_raise(frame):
    """Whatever arrives, both sides answer in OCPP-J or keep silent."""
    for machine in (_booted(), StationMachine("cs", _Idle())):
        assert all(kind in (2, 3, 4) for kind in _calls_only(machine.receive(frame)))


@given(_ACTIONS, _JSON)
def test_no_payload_makes_either_side_raise(action, payload):
    """A well-formed CALL with any payload gets exactly one answer."""
    frame = json.dumps([2, "q", action, payload])
    for machine in (_booted(), StationMachine("cs", _Idle())):
        kinds = _calls_only(machine.receive(frame))
        assert sum(kind in (3, 4) for kind in kinds) == 1


@given(st.data())
def test_single_broken_characters_never_raise(data):
    """A good frame with any one character replaced or cut is answered, not a crash."""
    frame = data.draw(st.sampled_from([BOOT, STARTED % "Started"]))
    place = data.draw(st.integers(0, len(frame) - 1))
    broken = frame[:place] + data.draw(st.text(max_size=2)) + frame[place + data.draw(st.integers(0, 5)) :]
    assert all(kind in (2, 3, 4) for kind in _calls_only(_booted().receive(broken)))


class _Idle:
    """A charge point at which nothing happens."""

    max_power_w = 11_000.0
    session = None
    power_w = 0.0
    limit_w = None
    energy_import_wh = 0.0
