"""The operators' log: notes are kept with their author, alarms are seen by somebody, and nothing written is ever changed."""

from __future__ import annotations

import re
import sqlite3
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest

from cim.model.errors import BadInput
from cim.platform.access.principals import Role
from cim.platform.publications.measured import DeviceLost
from portal.auth.caller import Caller
from portal.screens.operation import Alarm, alarm_key
from portal.shift_log import Note, ShiftLog
from tests.portal.test_portal_actions import DSO, portal, talk
from tests.portal.test_screens_acting import fetch, part
from tests.worlds.doubles import BEARER, NOON
from tests.worlds.log_ins import Door, enter

ADA = Caller("ada", Role.DSO, "dso.test")
LOST = DeviceLost(NOON - timedelta(minutes=5), "farm-1.pv", "no answer")


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """Users with passwords."""
    return Door(tmp_path)


def test_an_engineer_notes_and_reads_and_nobody_else_does(door: Door) -> None:
    """201 with author and the site's time, newest first; a farmer is 403, nobody 401, a session without its CSRF token 403."""
    app, _ = portal(door)
    farm = {"Authorization": f"Bearer {'f' * 43}"}

    async def talking(caller: httpx.AsyncClient) -> None:
        for words in ("a crew is at the mill", "it has left"):
            told = await caller.post("/dso/log", json={"words": words}, headers=DSO)
            assert (told.status_code, told.json()["by"], told.json()["words"]) == (201, "dso.example", words)
        found = (await caller.get("/dso/log?last=5", headers=DSO)).json()
        assert [one["words"] for one in found] == ["it has left", "a crew is at the mill"]
        for headers, status in ((farm, 403), ({}, 401)):
            assert (await caller.post("/dso/log", json={"words": "x"}, headers=headers)).status_code == status
        assert (await caller.get("/dso/log", headers=farm)).status_code == 403
        await enter(caller, "ada")
        assert (await caller.post("/dso/log", json={"words": "x"})).status_code == 403

    talk(app, talking)


@pytest.mark.parametrize(
    "note", [{}, {"words": ""}, {"words": "x" * 501}, {"words": "x", "about": "alarm"}, {"words": "x", "by": "eve"}]
)
def test_a_note_without_sense_is_refused(door: Door, note: dict[str, str]) -> None:
    """422, and nothing is kept; nobody notes in another's name."""
    app, _ = portal(door)

    async def talking(caller: httpx.AsyncClient) -> None:
        assert (await caller.post("/dso/log", json=note, headers=DSO)).status_code == 422
        assert (await caller.get("/dso/log", headers=DSO)).json() == []

    talk(app, talking)


def test_a_grave_alarm_waits_until_somebody_has_seen_it(tmp_path: Path) -> None:
    """It has a form with its key; once noted it has none, and stands in the history with who saw it and what they said."""
    text = fetch(tmp_path, "/dso/pages/alarms", LOST)
    key = alarm_key(Alarm(LOST.at, "dso", "device lost", "farm-1.pv: no answer", grave=True, open=True))
    assert f'name="about" value="{key}"' in part(text, "open")
    ShiftLog(tmp_path / "shift.sqlite").add(ADA, Note(about=key, words="the <crew> drives there"), NOON)
    text = fetch(tmp_path, "/dso/pages/alarms", LOST)
    assert f'value="{key}"' not in text
    assert "ada, 06-21 12:00: the <crew> drives there" in unescape(part(text, "history"))
    assert "<crew>" not in text


def test_a_finished_run_takes_no_notes(tmp_path: Path) -> None:
    """Nobody is on shift: neither form nor column, and the shift report says so."""
    assert "data-action" not in fetch(tmp_path, "/dso/pages/alarms", LOST, lives=False)
    assert "Nobody notes anything" in part(fetch(tmp_path, "/dso/pages/shift", lives=False), "log")


def test_the_shift_report_has_its_spans_notes(tmp_path: Path) -> None:
    """Of eight hours those within them; what is about an alarm is told as such."""
    log = ShiftLog(tmp_path / "shift.sqlite")
    log.add(ADA, Note(words="long ago"), NOON - timedelta(hours=9))
    log.add(ADA, Note(words="valve closed"), NOON - timedelta(hours=1))
    log.add(ADA, Note(about="0" * 16, words="seen"), NOON)
    rows = re.findall(r"<tr>.*?</tr>", part(fetch(tmp_path, "/dso/pages/shift", headers=BEARER), "log"))[1:]
    assert [re.findall(r"<td[^>]*>(.*?)</td>", row)[1:] for row in rows] == [
        ["ada", "an alarm", "seen"],
        ["ada", "", "valve closed"],
    ]


def test_what_is_written_stays(tmp_path: Path) -> None:
    """The file refuses changes; one that was made all the same is found out."""
    log = ShiftLog(tmp_path / "shift.sqlite")
    log.add(ADA, Note(words="as it was"), NOON)
    assert log.check() == 1
    with sqlite3.connect(tmp_path / "shift.sqlite") as database:
        with pytest.raises(sqlite3.IntegrityError, match="only grows"):
            database.execute("DELETE FROM accesses")
        database.execute("DROP TRIGGER no_change")
        database.execute("UPDATE accesses SET entry = replace(entry, 'as it was', 'as it is')")
    with pytest.raises(BadInput, match="not as it was written"):
        log.check()
