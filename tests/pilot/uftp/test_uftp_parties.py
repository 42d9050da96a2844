"""A file of parties is checked whole: keys that others may read, parties that share a domain or key, addresses in clear."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

pytest.importorskip("shapeshifter_uftp", reason="shapeshifter-uftp is not installed; `make` renews the environment")

from cim.model.errors import BadInput
from market.uftp.exchange import UsefRole
from pilot.uftp.parties import PartyFaults, load_parties, write_key
from pilot.uftp.reception import check_scope
from pilot.uftp.sealing import SealingKey, public_key
from tests.worlds import uftp_messages as examples
from tests.worlds.uftp_parties import KEYS, ours

FILE = """
listen: {port: 8091}
ours:
  - {name: strem-dso, domain: dso.example, role: DSO, key: dso.key}
peers:
  - name: agr-1
    domain: agr.example
    role: AGR
    url: https://agr.example/shapeshifter/api/v3/message
    public_key: PUBLIC
    points: ["ea1.2016-01.at.strem:lv-rural1"]
"""


def text(key: SealingKey) -> str:
    """A public key in base 64."""
    return base64.b64encode(key.public).decode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file without a fault, and the key that it needs beside it."""
    write_key(tmp_path / "dso.key")
    path = tmp_path / "parties.yaml"
    path.write_text(FILE.replace("PUBLIC", text(KEYS[examples.AGR])))
    return path


def test_a_file_says_who_speaks_with_whom(file: Path) -> None:
    """Parties here with their keys, parties elsewhere with theirs; four hours of tries unless said."""
    parties = load_parties(file)
    assert [(p.name, p.domain, p.role) for p in parties.ours] == [("strem-dso", "dso.example", UsefRole.DSO)]
    assert parties.peers[0].public == KEYS[examples.AGR].public
    assert parties.peers[0].points == {"ea1.2016-01.at.strem:lv-rural1"}
    assert parties.retry_for.total_seconds() == 4 * 3600
    assert "secret" not in repr(parties)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("domain: agr.example", "domain: dso.example", "domain: dso.example is given twice"),
        ("name: agr-1", "name: strem-dso", "name: strem-dso is given twice"),
        ("https://agr", "http://agr", "in clear; expected https"),
        ("https://agr", "ftp://agr", "expected https"),
        ("port: 8091", "port: 70000", "listen.port"),
        ("port: 8091", "port: 8091, host: 0.0.0.0", "without TLS"),
        ("port: 8091", "port: 8091, certificate: c.pem", "expected both or none"),
        ("role: AGR", "role: BRP", "peers.0.role"),
        ("role: AGR", "role: AGR\n    role: DSO", "key 'role' twice"),
        ("public_key: ", "public_key: AA", "peers[0].public_key"),
        ("listen:", "limits: {retry_hours: 0.5}\nlisten:", "limits.retry_hours"),
        ("listen:", "more: 1\nlisten:", "more"),
        ("agr.example\n", "AGR\n", "peers.0.domain"),
    ],
)
def test_each_fault_is_told(file: Path, old: str, new: str, fault: str) -> None:
    """With its place and what was expected."""
    said = file.read_text()
    assert old in said
    file.write_text(said.replace(old, new, 1))
    with pytest.raises(PartyFaults) as caught:
        load_parties(file)
    assert fault in str(caught.value)


def test_parties_with_one_key_are_refused(file: Path) -> None:
    """Who has it could speak for both."""
    from pilot.uftp.parties import _key

    mine = text(_key(file.parent / "dso.key"))
    file.write_text(file.read_text().replace(text(KEYS[examples.AGR]), mine))
    with pytest.raises(PartyFaults, match="key of agr-1: the same as that of strem-dso"):
        load_parties(file)


def test_a_private_key_is_its_owners(file: Path) -> None:
    """Mode 0600, base 64, and never overwritten."""
    key = file.parent / "dso.key"
    with pytest.raises(BadInput, match="expected a new file"):
        write_key(key)
    key.chmod(0o640)
    with pytest.raises(BadInput, match="others may read it"):
        load_parties(file)
    key.chmod(0o600)
    key.write_text("*")
    with pytest.raises(BadInput, match="no base 64"):
        load_parties(file)
    key.unlink()
    with pytest.raises(BadInput, match="cannot be read"):
        load_parties(file)


def test_public_keys_are_read_as_the_dns_has_them() -> None:
    """Base 64 of 32 bytes; with `cs1.` before it and, then, maybe a second key behind it."""
    public = KEYS[examples.AGR].public
    for raw in (public, public + bytes(32)):
        for prefix in ("", "cs1."):
            assert public_key(prefix + base64.b64encode(raw).decode()) == public
    for bad in ("", "cs2.AAAA", base64.b64encode(bytes(31)).decode()):
        with pytest.raises(BadInput):
            public_key(bad)


def test_our_parties_are_the_sites() -> None:
    """By name, with the domain that they have there."""
    check_scope((ours(examples.DSO),), {"dso": examples.DSO})
    with pytest.raises(BadInput, match=r"expected other\.example"):
        check_scope((ours(examples.DSO),), {"dso": "other.example"})
    with pytest.raises(BadInput, match="the name of a party of the site"):
        check_scope((ours(examples.DSO),), {})
