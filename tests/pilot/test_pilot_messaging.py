"""A living site's messaging: who may listen, and the file that says where an MQTT broker is."""

from __future__ import annotations

from pathlib import Path

import pytest

from cim.model.errors import BadInput
from cim.platform.access.principals import Role
from cim.platform.site_data import Connection, SiteFacts
from environment.sites import load_site
from environment.sites.connections import site_facts
from pilot.messaging import read_mqtt
from portal.callers import book_of_site, principals_path

GOOD = "host: 127.0.0.1\nuser: iles\ntoken_env: T\ntopics: [readings]\nseen_as: agr-east\n"


def test_every_party_of_a_site_may_listen_as_what_it_is(tmp_path: Path) -> None:
    """By its name or its domain; the operator is an administrator, and whom the folder names beside them may listen, too."""
    site = load_site("strem")
    principals_path(tmp_path).parent.mkdir(parents=True)
    principals_path(tmp_path).write_text('{"researchers": {"lab": "study"}}')
    book = book_of_site(tmp_path, site_facts(site))
    assert book.principal("lab").role is Role.RESEARCHER
    assert book.principal("operator").role is Role.ADMINISTRATOR
    assert book.principal("agr-east").role is Role.AGGREGATOR
    assert book.principal("east.strem.example").name == "agr-east"
    assert book.principal(site.dso.name).points == {point.id for point in site.congestion_points}
    assert {book.principal(one.name).role for one in site.prosumers} == {Role.PROSUMER}


def test_the_connections_own_meter_is_known(tmp_path: Path) -> None:
    """So that a DSO sees it, and no device behind it."""
    facts = SiteFacts("s", "UTC", [Connection("h", "prosumer", "a", "cp", {"h.pv": "pv", "h.smart": "meter"})], {}, "d")
    (point,) = book_of_site(tmp_path, facts).usage_points
    assert (point.meter, point.owner, point.dso, point.place) == ("h.smart", "h", "d", "s")


def test_an_mqtt_file_is_read(tmp_path: Path) -> None:
    """What docs/streams.md shows is what is taken."""
    path = tmp_path / "mqtt.yaml"
    path.write_text(GOOD)
    assert read_mqtt(path).topics == ("readings",)
    page = (Path(__file__).parents[2] / "docs/streams.md").read_text(encoding="utf-8")
    path.write_text(page.partition("```yaml\n")[2].partition("```")[0])
    assert read_mqtt(path).seen_as == "agr-east"


@pytest.mark.parametrize(
    ("text", "words"),
    [(GOOD + "password: x\n", "line 6, password"), (GOOD.replace("iles", "''"), "line 2, user"), ("", "line 1")],
)
def test_an_mqtt_file_that_is_wrong_is_told_by_its_line(tmp_path: Path, text: str, words: str) -> None:
    """File, line, field."""
    path = tmp_path / "mqtt.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=rf"mqtt\.yaml, {words}"):
        read_mqtt(path)


def test_an_mqtt_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """One sentence."""
    with pytest.raises(BadInput, match="cannot be read"):
        read_mqtt(tmp_path / "none.yaml")
