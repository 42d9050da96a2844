"""The file of a recorded site's inputs, whatever state it is found in."""

from __future__ import annotations

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from devices.simulators import recording_log
from devices.simulators.recording_log import MAGIC, InputLog

ENTRIES = st.lists(
    st.tuples(st.integers(0, 9), st.one_of(st.text(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False))),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file name that every example makes anew."""
    return tmp_path_factory.mktemp("log") / "inputs"


def _write(path, entries):
    log = InputLog.open(path)
    assert list(log.entries()) == []
    ends = [0]
    for entry in entries:
        log.append(entry)
        ends.append(log.size)
    log.close()
    log.close()
    return ends


def _read(path, *more):
    log = InputLog.open(path)
    try:
        found = [entry for entry, _ in log.entries()]
        for entry in more:
            log.append(entry)
        return found
    finally:
        log.close()


@given(ENTRIES, st.data())
def test_a_torn_end_is_cut_off_and_written_over(path, entries, data):
    """Ended at any byte, a log gives its whole entries in their order, and goes on after the last of them."""
    path.unlink(missing_ok=True)
    ends = _write(path, entries)
    cut = data.draw(st.integers(0, ends[-1]))
    os.truncate(path, cut)
    whole = entries[: sum(end <= cut for end in ends[1:])]
    assert _read(path, (7, "more")) == whole
    assert _read(path) == [*whole, (7, "more")]


@given(ENTRIES, st.integers(1, 100))
def test_zeros_at_the_end_are_cut_off(path, entries, zeros):
    """What a file system fills in after a power cut is no damage."""
    path.unlink(missing_ok=True)
    _write(path, entries)
    with path.open("ab") as file:
        file.write(bytes(zeros))
    assert _read(path, (1,)) == entries
    assert _read(path) == [*entries, (1,)]


def test_damage_is_not_taken_for_a_torn_end(tmp_path):
    """A changed byte before the last entry is told with its place; nothing is cut off or overwritten."""
    path = tmp_path / "inputs"
    ends = _write(path, [(1, "first"), (2, "second"), (3, "third")])
    data = bytearray(path.read_bytes())
    data[ends[1] + 12] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadInput, match=rf"is damaged at byte {ends[1]}; expected an entry there"):
        _read(path)
    assert path.read_bytes() == data


@pytest.mark.parametrize("content", [b"date;power\n", b"\x00", MAGIC[:-1] + b"2"])
def test_another_file_is_left_alone(tmp_path, content):
    """A file that is no log of inputs is refused, and not touched."""
    path = tmp_path / "inputs"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="is something else; expected a log of a simulated site, or no file"):
        _read(path)
    assert path.read_bytes() == content


def test_one_process_holds_a_log(tmp_path, monkeypatch):
    """A second one is refused after a while; only the owner of the file can read it; a folder must be there."""
    monkeypatch.setattr(recording_log, "_PATIENCE_S", 0.0)
    path = tmp_path / "inputs"
    log = InputLog.open(path)
    with pytest.raises(BadInput, match="is held by another process; expected one running site for each log"):
        InputLog.open(path)
    log.close()
    assert _read(path) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(BadInput, match=r"cannot be opened .No such file or directory.; expected a file to write to"):
        InputLog.open(tmp_path / "nowhere" / "inputs")
