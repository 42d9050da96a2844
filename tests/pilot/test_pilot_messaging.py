"""A living site's messaging: who may listen, and the file that says where an MQTT broker is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cim.model.errors import BadInput
from cim.platform.access.principals import Role
from cim.platform.site_data import Connection, SiteFacts
from environment.sites import load_site
from environment.sites.connections import site_facts
from pilot.messaging import read_mqtt
from pilot.service import Pilot
from pilot.settings import UpSettings
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


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("port: 8883\n", "mqtt: port 8883 is registered for tls true, but tls is false; expected another"),
        ("port: 1883\ntls: true\n", "mqtt: port 1883 is registered for tls false, but tls is true; expected another"),
        ("format: cim\n", "expected"),
    ],
)
def test_an_mqtt_file_that_contradicts_itself_is_refused(tmp_path: Path, more: str, words: str) -> None:
    """A port for the other kind of connection, a form that a topic does not have, a topic twice, another machine in clear."""
    path = tmp_path / "mqtt.yaml"
    path.write_text((GOOD if "cim" not in more else GOOD.replace("[readings]", "[alarms]")) + more)
    with pytest.raises(BadInput, match=words):
        read_mqtt(path)
    path.write_text(GOOD.replace("[readings]", "[readings, readings]"))
    with pytest.raises(BadInput, match="topic 'readings' stands twice in topics; expected each once"):
        read_mqtt(path)
    path.write_text(GOOD.replace("127.0.0.1", "broker.example"))
    with pytest.raises(BadInput, match=r"tls is false for host 'broker\.example'"):
        read_mqtt(path)


def test_the_port_goes_with_tls(tmp_path: Path) -> None:
    """Where none is said it is the registered one."""
    path = tmp_path / "mqtt.yaml"
    for more, port in (("", 1883), ("tls: true\n", 8883), ("tls: true\nport: 9000\n", 9000)):
        path.write_text(GOOD + more)
        assert read_mqtt(path).at_port == port


def test_a_site_does_not_start_with_an_mqtt_file_that_is_wrong(tmp_path: Path) -> None:
    """No folder of the site is made."""
    path = tmp_path / "mqtt.yaml"
    path.write_text(GOOD + "port: 8883\n")
    settings = UpSettings("strem", None, 10, 1, 1.0, "local", 1, (), tmp_path / "site", "127.0.0.1", 0, 1, mqtt=path)
    with pytest.raises(BadInput, match="port 8883"):
        asyncio.run(Pilot(settings, lambda _: None, lambda _: None).run())
    assert not (tmp_path / "site").exists()
