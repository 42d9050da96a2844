"""Security profiles 1, 2 and 3: who a station is follows from its credential, and every login that is refused is seen."""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from cim.model.errors import BadInput
from devices.dial_in.door import Door, Refusal
from devices.dial_in.passwords import hashed, is_hash, known_passwords
from devices.dial_in.server import DialInServer
from devices.dial_in.tls import TlsFiles, common_name, server_context
from devices.ocpp.machine import CsmsMachine
from tests.worlds.certificates import Authority

PASSWORD = "sixteen-letters!"


def _basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


async def _status(url: str, headers: dict[str, str], tls: ssl.SSLContext | None) -> int:
    spoken = [Subprotocol("ocpp1.6")]
    try:
        async with connect(url, additional_headers=headers, subprotocols=spoken, proxy=None, ssl=tls):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code
    except (InvalidHandshake, OSError):
        return 0  # the TLS handshake already failed


def _dialling(authority: Authority, shown: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    if shown is not None:
        context.load_cert_chain(*shown)
    return context


@pytest.mark.slow
def test_identity_follows_from_the_credential(tmp_path: Path) -> None:
    """`by-cert` comes with its certificate and nothing else, `by-word` with its password; nobody as another."""
    ours, foreign = Authority(tmp_path, "ours"), Authority(tmp_path, "foreign")
    certificate, key = ours.signs("csms")
    own, other, strange = ours.signs("by-cert"), ours.signs("by-word"), foreign.signs("by-cert")
    both = ours.signs("by-cert", "by-word")
    right = _basic("by-word", PASSWORD)
    cases = [
        ("by-cert", {}, own, 101),
        ("by-cert", {}, other, 401),
        ("by-cert", {}, both, 401),
        ("by-cert", {}, None, 401),
        ("by-cert", _basic("by-cert", PASSWORD), None, 401),
        ("by-cert", {}, strange, 0),
        ("by-word", right, None, 101),
        ("by-word", right, other, 101),
        ("by-word", right, own, 401),
        ("by-word", {}, other, 401),
        ("by-word", _basic("by-word", "guess"), None, 401),
        ("by-word", _basic("by-cert", PASSWORD), None, 401),
    ]

    async def run() -> tuple[list[int], int]:
        files = TlsFiles(str(certificate), str(key), str(ours.file))
        door = Door(known_passwords({"by-word": hashed(PASSWORD)}), by_certificate=("by-cert",))
        server = DialInServer(door=door, tls=server_context(files))
        for name in ("by-cert", "by-word"):
            server.register("ocpp", name, CsmsMachine(name))
        await server.start()
        found = []
        for name, headers, shown, _ in cases:
            found.append(await _status(server.url("ocpp", name), headers, _dialling(ours, shown)))
        found.append(await _status(server.url("ocpp", "by-word").replace("wss:", "ws:"), right, None))
        await server.close()
        return found, door.refused

    found, refused = asyncio.run(run())
    assert found[:-1] == [status for *_, status in cases]
    assert found[-1] == 0, "without TLS nobody speaks here"
    assert refused == sum(status == 401 for *_, status in cases)


def test_refused_logins_are_told_with_their_reason(caplog: pytest.LogCaptureFixture) -> None:
    """Name, address and why; never the password; a flood of them is counted, and said now and then."""
    heard: list[Refusal] = []
    door = Door(known_passwords({"cs1": PASSWORD}), by_certificate=("cs2",), on_refusal=heard.append)
    assert door.opens("cs1", "192.0.2.7", _basic("cs1", PASSWORD)["Authorization"], None)
    for device, header, certified in (
        ("cs1", None, None),
        ("cs1", _basic("cs1", "my guess")["Authorization"], None),
        ("cs1", _basic("cs2", "my guess")["Authorization"], None),
        ("cs2", _basic("cs2", "my guess")["Authorization"], None),
        ("cs2", None, "cs1"),
    ):
        assert not door.opens(device, "192.0.2.7", header, certified)
    assert [refusal.why for refusal in heard] == [
        "it gave no password",
        "its password is not right",
        "it gave the name 'cs2'",
        "it showed no certificate",
        "its certificate is that of 'cs1'",
    ]
    assert "refused to let 'cs1' in from 192.0.2.7: its password is not right" in caplog.text
    assert "my guess" not in caplog.text
    with caplog.at_level(logging.WARNING):
        for _ in range(1000):
            door.opens("x" * 5000, "192.0.2.7", None, None)
    assert door.refused == 1005
    assert len([record for record in caplog.records if "refused" in record.message]) <= 110
    assert len(door.last_refused) == 100
    assert all(len(refusal.device) <= 64 for refusal in door.last_refused)


def test_a_salted_hash_stands_for_a_password() -> None:
    """The password opens by its hash, again and again; another does not, nor does the hash itself; two hashes differ."""
    kept = hashed(PASSWORD)
    assert is_hash(kept)
    assert PASSWORD not in kept
    assert kept != hashed(PASSWORD)
    opens = known_passwords({"cs1": kept, "cs2": PASSWORD, "cs3": ""})
    assert [opens("cs1", PASSWORD) for _ in range(2)] == [True, True]
    assert not any(opens("cs1", wrong) for wrong in ("", "guess", kept, PASSWORD + "!"))
    assert opens("cs2", PASSWORD)
    assert not opens("cs2", hashed(PASSWORD))
    assert not opens("cs3", "")
    assert not opens("stranger", "")


@pytest.mark.parametrize(
    "text", ["", "scrypt$", "scrypt$00$11", "scrypt$zz$zz", "sixteen-letters!", "scrypt$" + "0" * 96]
)
def test_what_only_looks_like_a_hash_opens_for_nobody(text: str) -> None:
    """A damaged hash is no password either, for it begins as one does."""
    assert not is_hash(text)
    assert not known_passwords({"cs1": text})("cs1", text if text.startswith("scrypt$") else "another")


def test_a_certificate_has_one_common_name() -> None:
    """Two of them, or none, are nobody's identity."""
    one = ((("commonName", "cs1"),),)
    assert common_name({"subject": one}) == "cs1"
    assert common_name({"subject": one + one}) is None
    assert common_name({"subject": ((("organizationName", "cs1"),),)}) is None
    assert common_name({}) is None
    assert common_name(None) is None


def test_a_file_that_is_no_certificate_is_one_sentence(tmp_path: Path) -> None:
    """The certificate, its key, the authorities: each is named where it does not fit."""
    authority = Authority(tmp_path, "ours")
    certificate, key = authority.signs("csms")
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    with pytest.raises(BadInput, match=r"nothing\.pem.*expected a certificate and its private key"):
        server_context(TlsFiles(str(nothing), str(key)))
    with pytest.raises(BadInput, match=r"gone\.pem.*expected the certificates of authorities"):
        server_context(TlsFiles(str(certificate), str(key), str(tmp_path / "gone.pem")))
    context = server_context(TlsFiles(str(certificate), str(key), str(authority.file)))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
