"""Modbus TCP frames: what is asked, what is taken for its reply, and against pymodbus's own framing."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadHoldingRegistersResponse

from devices.sunspec.modbus_tcp import NoModbus, reply, request

TRANSACTIONS, UNITS = st.integers(1, 0xFFFF), st.integers(0, 255)
PDUS = st.binary(min_size=2, max_size=253)


@given(TRANSACTIONS, UNITS, st.integers(0, 0xFFFF), st.integers(1, 125))
def test_a_request_is_the_frame_that_pymodbus_makes(transaction: int, unit: int, address: int, count: int) -> None:
    """Byte for byte."""
    theirs = ReadHoldingRegistersRequest(address=address, count=count, dev_id=unit, transaction_id=transaction)
    frame = FramerSocket(DecodePDU(True)).buildFrame(theirs)
    assert request(transaction, unit, struct.pack(">BHH", 3, address, count)) == frame


@given(TRANSACTIONS, UNITS, st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=125), st.data())
def test_a_reply_of_pymodbus_is_taken_however_it_is_cut(
    transaction: int, unit: int, registers: list[int], data: st.DataObject
) -> None:
    """Not complete until its last byte, then exactly its PDU."""
    told = ReadHoldingRegistersResponse(registers=registers, dev_id=unit, transaction_id=transaction)
    frame = FramerSocket(DecodePDU(False)).buildFrame(told)
    cut = data.draw(st.integers(0, len(frame) - 1))
    assert reply(frame[:cut], transaction, unit) is None
    assert reply(frame, transaction, unit) == struct.pack(f">BB{len(registers)}H", 3, 2 * len(registers), *registers)
    refused = ExceptionResponse(3, 6, device_id=unit, transaction=transaction)
    assert reply(FramerSocket(DecodePDU(False)).buildFrame(refused), transaction, unit) == bytes([0x83, 6])


@given(TRANSACTIONS, UNITS, PDUS)
def test_transaction_0_is_taken(transaction: int, unit: int, pdu: bytes) -> None:
    """Some devices do not repeat the number; the link is closed after each failure, so no late reply can have it."""
    assert reply(request(0, unit, pdu), transaction, unit) == pdu


@given(TRANSACTIONS, UNITS, PDUS, st.integers(0, 6), st.integers(1, 255))
def test_another_header_is_no_reply(transaction: int, unit: int, pdu: bytes, place: int, change: int) -> None:
    """Another number, protocol, length or unit: a fault at once, or bytes that are still missing, never another PDU."""
    frame = bytearray(request(transaction, unit, pdu))
    frame[place] ^= change
    with suppress(NoModbus):
        found = reply(bytes(frame), transaction, unit)
        assert found is None or (found == pdu and frame[:2] == b"\0\0")


@given(st.binary(max_size=300), TRANSACTIONS, UNITS)
def test_whatever_comes_is_a_pdu_or_incomplete_or_a_fault(received: bytes, transaction: int, unit: int) -> None:
    """Nothing else is raised, and a PDU is what stands behind a header that says so."""
    try:
        found = reply(received, transaction, unit)
    except NoModbus:
        return
    assert found is None or (len(found) == int.from_bytes(received[4:6], "big") - 1 and received.endswith(found))


def test_more_than_one_frame_is_no_reply() -> None:
    """Who sends what nobody asked for is not to be trusted with what was asked."""
    frame = request(7, 1, b"\x03\x02\x00\x2a")
    with pytest.raises(NoModbus, match="22 bytes that are no Modbus TCP reply"):
        reply(frame + frame, 7, 1)
