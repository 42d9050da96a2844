"""The ledger's store, proofs and command: what is appended stays, and anyone can check it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import OrderedDict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nacl.signing import VerifyKey
from typer.testing import CliRunner

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from experiments.cli.ledger import app
from market.ledger.checking import check_inclusion
from market.ledger.errors import LedgerBroken, LedgerConflict, NotALedger
from market.ledger.merkle import EMPTY_ROOT
from market.ledger.proof_reading import from_json
from market.ledger.proofs import InclusionProof
from market.ledger.prover import Prover
from market.ledger.reader import LedgerReader
from market.ledger.records import Party, Record
from market.ledger.signing import Signer, first_invalid, key_from_seed, load_or_create_secret
from market.ledger.signing import verify as verify_signature
from market.ledger.store import LedgerStore
from market.ledger.verify import verify

START = datetime(2026, 5, 20, tzinfo=UTC)
DAY = timedelta(days=1)
AGR, DSO = (key_from_seed(1, name) for name in ("agr", "dso"))
PARTIES = [Party("dso", DSO.public), Party("agr", AGR.public)]


def order(number: int) -> Record:
    """An order both have signed."""
    made = Record("order", f"{number:04d}", START + timedelta(minutes=number), "dso", encode((number, "W")))
    return made.signed("dso", DSO).signed("agr", AGR)


def filled(path: Path, count: int = 9) -> bytes:
    """A ledger of one block and one open record; its head's digest."""
    with LedgerStore(path) as ledger:
        ledger.create(PARTIES, {"site": "test"})
        ledger.append([order(n) for n in range(count)])
        head = ledger.close_block(1, START, START + DAY, START + DAY)
        ledger.cosign(1, "agr", AGR.sign(head.message))
        ledger.append([order(count)])
    return head.digest


def test_a_closed_ledger_is_one_file_that_verifies(tmp_path: Path) -> None:
    """After close exactly one file is left, and verification counts what was put in."""
    head = filled(tmp_path / "a.ledger")
    assert [p.name for p in tmp_path.iterdir()] == ["a.ledger"]
    found = verify(tmp_path / "a.ledger", head)
    assert (found.records, found.open_records, found.blocks, found.signatures) == (10, 1, 1, 20)
    assert (found.cosignatures, found.parties, found.head) == (1, 2, head)
    assert any("expected head" in line for line in found.checks)
    assert [p.name for p in tmp_path.iterdir()] == ["a.ledger"]


def test_records_come_back_as_they_went_in(tmp_path: Path) -> None:
    """Reading by block and kind gives equal records, signatures included."""
    filled(tmp_path / "a.ledger", 3)
    with LedgerReader(tmp_path / "a.ledger") as ledger:
        assert ledger.records(block=1) == tuple(order(n) for n in range(3))
        assert ledger.records(block=0, kind="order") == (order(3),)
        assert ledger.records(kind="contract") == ()
        assert decode(ledger.records()[2].body) == (2, "W")
        assert ledger.summary().kinds == (("order", 4),)
        assert [s.party for s in ledger.cosignatures(1)] == ["agr"]


def test_the_head_depends_on_no_arrival_order(tmp_path: Path) -> None:
    """The same records in another order, in other batches, give the same head."""
    heads = []
    for name, numbers in (("a", range(20)), ("b", range(19, -1, -1))):
        with LedgerStore(tmp_path / name) as ledger:
            ledger.create(PARTIES, {})
            for number in numbers:
                ledger.append([order(number)])
            heads.append(ledger.close_block(1, START, START + DAY, START + DAY).digest)
        verify(tmp_path / name)
    assert heads[0] == heads[1]


def test_the_same_again_changes_nothing_and_other_content_is_refused(tmp_path: Path) -> None:
    """Appending, closing, co-signing and creating are idempotent; conflicts leave the ledger as it was."""
    path = tmp_path / "a.ledger"
    head = filled(path)
    with LedgerStore(path) as ledger:
        ledger.create(PARTIES, {"site": "test"})
        ledger.append([order(n) for n in range(10)])
        assert ledger.close_block(1, START, START + DAY, START + DAY).digest == head
        ledger.cosign(1, "agr", AGR.sign(ledger.heads()[0].message))
        forged = replace(order(3), body=b"x", signatures=()).signed("dso", DSO)
        with pytest.raises(LedgerConflict, match="order 0003"):
            ledger.append([order(77), forged])
        with pytest.raises(LedgerConflict, match="expected 2"):
            ledger.close_block(3, START, START + DAY, START + DAY)
        with pytest.raises(LedgerConflict, match="other parties"):
            ledger.create(PARTIES[:1], {"site": "test"})
    assert verify(path, head).records == 10


def test_a_record_without_good_signatures_is_not_taken(tmp_path: Path) -> None:
    """The author must have signed, every signature must fit, every signer must be a party."""
    with LedgerStore(tmp_path / "a.ledger") as ledger:
        ledger.create(PARTIES, {})
        bare = replace(order(1), signatures=())
        for wrong, words in (
            (bare, "has not signed"),
            (bare.signed("agr", AGR), "has not signed"),
            (bare.signed("dso", AGR), "does not fit"),
            (bare.signed("dso", DSO).signed("eve", AGR), "not a party"),
            (replace(order(1), key="other"), "does not fit"),
        ):
            with pytest.raises(BadInput, match=words):
                ledger.append([wrong])
        assert ledger.records() == ()


def test_empty_blocks_are_fine(tmp_path: Path) -> None:
    """A block without records has the root of the block before; the first of all, the hash of nothing."""
    with LedgerStore(tmp_path / "a.ledger") as ledger:
        ledger.create(PARTIES, {})
        assert ledger.close_block(1, START, START + DAY, START + DAY).root == EMPTY_ROOT
        ledger.append([order(n) for n in range(10)])
        two = ledger.close_block(2, START + DAY, START + 2 * DAY, START + 2 * DAY)
        three = ledger.close_block(3, START + 2 * DAY, START + 3 * DAY, START + 3 * DAY)
        assert (two.count, two.size, three.count, three.size) == (10, 10, 0, 10)
        assert two.root == three.root != EMPTY_ROOT
    assert verify(tmp_path / "a.ledger").blocks == 3


def test_a_cut_off_ledger_does_not_hold_the_expected_head(tmp_path: Path) -> None:
    """Whoever kept a head notices when a ledger of the same making does not have it."""
    filled(tmp_path / "a.ledger", 3)
    with pytest.raises(LedgerBroken, match="none of the 1 heads"):
        verify(tmp_path / "a.ledger", bytes(32))


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\0" + bytes(100), None])
def test_what_is_no_ledger_is_said_in_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty and foreign files are refused on reading, with exit code 2 or 1 and no traceback."""
    path = tmp_path / "a.ledger"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((NotALedger, LedgerBroken)):
        verify(path)
    for command in (["verify", str(path)], ["show", str(path)], ["prove", str(path), "order", "1"]):
        result = CliRunner().invoke(app, command)
        assert result.exit_code in (1, 2)
        assert isinstance(result.exception, SystemExit)


def test_a_proof_holds_offline_and_nothing_in_it_can_be_changed(tmp_path: Path) -> None:
    """A proof survives JSON, is made for any head that has the record, and fails when any field is changed."""
    path = tmp_path / "a.ledger"
    head = filled(path)
    with LedgerStore(path) as ledger:
        later = ledger.close_block(2, START + DAY, START + 2 * DAY, START + 2 * DAY).digest
    proof = proved(path, "0004", later)
    assert from_json(proof.to_json()) == (proof,)
    assert check_inclusion(proof, later).record == order(4)
    assert check_inclusion(proved(path, "0004", head), head).record == order(4)
    under = proof.witnessed
    for wrong in (
        replace(proof, entry=order(5).entry),
        replace(proof, entry=proof.entry[:-1]),
        replace(proof, entry=order(4).message),
        replace(proof, leaf_index=proof.leaf_index + 1),
        replace(proof, tree_size=proof.tree_size + 1),
        replace(proof, inclusion_path=proof.inclusion_path[1:]),
        replace(proof, salt=bytes(32), body=b"x"),
        replace(proof, witnessed=replace(under, head=under.head + "\n")),
        replace(proof, witnessed=replace(under, parties=under.parties[:1])),
        replace(proof, witnessed=replace(under, parties_size=under.parties_size + 9)),
        replace(proof, witnessed=replace(under, parties=tuple(p._replace(public=bytes(32)) for p in under.parties))),
        replace(proof, witnessed=replace(under, cosignatures=(("agr", bytes(64)),))),
    ):
        with pytest.raises(LedgerBroken):
            check_inclusion(wrong, later)
    for held in (head, bytes(32)):
        with pytest.raises(LedgerBroken, match="you hold"):
            check_inclusion(proof, held)
    for bad in (
        "",
        "[]",
        "{}",
        '{"format": "iles-inclusion-2"}',
        '{"format": 3}',
        "null",
        '{"format": "iles-proofs-2"}',
    ):
        with pytest.raises(BadInput, match="proof"):
            from_json(bad)


def proved(source: Path | bytes, key: str, head: bytes | None = None) -> InclusionProof:
    """The proof of an order."""
    with Prover(source) as prover:
        return prover.inclusion("order", key, head)


def test_the_command_verifies_shows_proves_and_checks(tmp_path: Path) -> None:
    """The four commands work together, exit 0 when sound, 1 when broken, 2 on bad input."""
    path, run = tmp_path / "a.ledger", CliRunner()
    head = filled(path).hex()
    assert "The ledger is sound: 10 records" in run.invoke(app, ["verify", str(path), "--head", head]).output
    assert run.invoke(app, ["verify", str(path), "--head", "00" * 32]).exit_code == 1
    assert run.invoke(app, ["verify", str(path), "--head", "zz"]).exit_code == 2
    assert head[:12] in run.invoke(app, ["show", str(path)]).output
    proof = tmp_path / "proof.json"
    assert run.invoke(app, ["prove", str(path), "order", "0001", "-o", str(proof)]).exit_code == 0
    assert "The proof is sound." in run.invoke(app, ["check", str(proof), head]).output
    assert run.invoke(app, ["check", str(proof), "00" * 32]).exit_code == 1
    assert run.invoke(app, ["check", str(tmp_path / "none"), head]).exit_code == 2
    assert run.invoke(app, ["prove", str(path), "order", "none"]).exit_code == 2
    assert run.invoke(app, ["prove", str(path), "order", "0009"]).exit_code == 2
    for wrong in ([], ["order"], ["order", "0001", "--since", head], ["--since", "00"], ["--member", "nobody"]):
        assert run.invoke(app, ["prove", str(path), *wrong]).exit_code == 2
    with LedgerStore(path) as ledger:
        later = ledger.close_block(2, START + DAY, START + 2 * DAY, START + 2 * DAY).digest.hex()
    assert run.invoke(app, ["prove", str(path), "--since", head, "-o", str(proof)]).exit_code == 0
    assert f"Newer head: {later}" in run.invoke(app, ["check", str(proof), head]).output
    assert run.invoke(app, ["check", str(proof), later]).exit_code == 1
    day = ["--member", "agr", "--day", "2026-05-20"]
    assert run.invoke(app, ["prove", str(path), *day, "-o", str(proof)]).exit_code == 0
    assert "All 10 proofs are sound." in run.invoke(app, ["check", str(proof), later]).output
    assert run.invoke(app, ["prove", str(path), "--member", "agr", "--day", "2026-05-21"]).exit_code == 2
    assert run.invoke(app, ["prove", str(path), "--member", "agr", "--day", "may"]).exit_code == 2
    assert run.invoke(app, ["show", str(path), *day]).output.count("order") >= 10


def test_a_ledger_in_memory_is_the_one_a_file_would_hold(tmp_path: Path) -> None:
    """The same steps give the same records, heads and proofs; its bytes are a ledger's file, and go on as one."""
    head = filled(tmp_path / "a.ledger")
    with LedgerStore(b"") as ledger:
        ledger.create(PARTIES, {"site": "test"})
        ledger.append([order(n) for n in range(9)])
        assert ledger.close_block(1, START, START + DAY, START + DAY).digest == head
        before = ledger.image()
    with LedgerStore(before) as ledger:
        ledger.cosign(1, "agr", AGR.sign(ledger.heads()[0].message))
        ledger.append([order(9)])
        after = ledger.image()
    assert verify(after, head) == verify(tmp_path / "a.ledger", head)
    assert verify(before).records == 9  # what came later is not in what was there before
    assert proved(after, "0003") == proved(tmp_path / "a.ledger", "0003")
    (tmp_path / "b.ledger").write_bytes(after)
    with LedgerReader(tmp_path / "b.ledger") as file, LedgerReader(after) as memory:
        assert file.records() == memory.records()
    for nothing in (b"", b"no ledger at all", after[:1] + b"x" + after[2:]):
        with pytest.raises(NotALedger):
            verify(nothing)


@pytest.mark.parametrize("size", [1, 49, 50, 51, 120])
def test_a_batch_is_the_same_ledger_as_its_records_one_by_one(size: int) -> None:
    """However many records come together, rows, running digest and head are those of single appends."""
    heads = []
    for parts in ([[order(n) for n in range(size)]], [[order(n)] for n in range(size)]):
        with LedgerStore(b"") as ledger:
            ledger.create(PARTIES, {"site": "test"})
            for part in parts:
                ledger.append(part)
            heads.append(ledger.close_block(1, START, START + DAY, START + DAY).digest)
            assert verify(ledger.image(), heads[-1]).records == size
    assert heads[0] == heads[1]


@pytest.mark.parametrize("place", [0, 49, 50, 119])
def test_a_batch_with_one_conflict_leaves_nothing(place: int) -> None:
    """Wherever in a large batch the record is that is there with other content: none of the batch is added."""
    with LedgerStore(b"") as ledger:
        ledger.create(PARTIES, {"site": "test"})
        other = Record("order", f"{place:04d}", START, "dso", b"other").signed("dso", DSO)
        ledger.append([other])
        with pytest.raises(LedgerConflict):
            ledger.append([order(n) for n in range(120)])
        assert [record.key for record in ledger.records()] == [other.key]


def test_what_is_remembered_of_signatures_is_what_libsodium_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was signed here is known to be good; another library agrees, and with nothing remembered it is found again."""
    signature = AGR.sign(b"data")
    assert VerifyKey(AGR.public).verify(b"data", signature) == b"data"
    assert verify_signature(AGR.public, b"data", signature)
    bad = [(DSO.public, b"data", signature), (AGR.public, b"other", signature), (AGR.public, b"data", bytes(64))]
    assert not any(verify_signature(*item) for item in bad)
    monkeypatch.setattr("market.ledger.signing._known", OrderedDict())
    assert verify_signature(AGR.public, b"data", signature)
    assert not any(verify_signature(*item) for item in bad)
    many = [(AGR.public, bytes([k]), AGR.sign(bytes([k]))) for k in range(250)]
    monkeypatch.setattr("market.ledger.signing._known", OrderedDict({many[3][2]: (*many[3][:2], True)}))
    assert first_invalid(many) is None
    assert first_invalid([*many[:240], bad[0], *many[240:], bad[1]]) == 240


def test_only_so_much_is_remembered_of_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many signatures a process sees, it keeps a bounded number of answers: the latest."""
    known: OrderedDict[bytes, tuple[bytes, bytes, bool]] = OrderedDict()
    monkeypatch.setattr("market.ledger.signing._known", known)
    monkeypatch.setattr("market.ledger.signing._KNOWN_MOST", 3)
    made = [(AGR.public, bytes([k]), AGR.sign(bytes([k]))) for k in range(5)]
    assert list(known) == [signature for _, _, signature in made[2:]]


def test_keys_are_private_and_signatures_fit_only_their_data(tmp_path: Path) -> None:
    """A key file is 0600 and gives the same key again; a file others may read is refused."""
    signer = Signer(load_or_create_secret(tmp_path / "keys" / "dso.key"))
    path = tmp_path / "keys" / "dso.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert Signer(load_or_create_secret(path)).public == signer.public
    assert verify_signature(signer.public, b"a", signer.sign(b"a"))
    assert not verify_signature(signer.public, b"b", signer.sign(b"a"))
    assert not verify_signature(b"", b"a", b"")
    assert key_from_seed(1, "a").public != key_from_seed(2, "a").public != key_from_seed(2, "b").public
    assert signer.public.hex() in repr(signer)
    path.chmod(0o644)
    with pytest.raises(BadInput, match="600"):
        load_or_create_secret(path)
    with pytest.raises(BadInput, match="32"):
        Signer(b"short")


WRITER = """
import sys
sys.path[:0] = {paths!r}
from tests.market.test_ledger_store import PARTIES, order
from market.ledger.store import LedgerStore
ledger = LedgerStore(sys.argv[1])
ledger.create(PARTIES, {{}})
for number in range(100000):
    ledger.append([order(number)])
    print(number, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 20, 57])
def test_a_ledger_whose_keeper_was_killed_is_whole(tmp_path: Path, after: int) -> None:
    """After SIGKILL everything that append returned from is there, it verifies, and the keeper can go on."""
    path = tmp_path / "a.ledger"
    here = Path(__file__).parent
    paths = [str(here), str(here.parent.parent)]
    command = [sys.executable, "-c", WRITER.format(paths=paths), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = -1
        while told < after:
            told = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
    found = verify(path)
    assert found.records >= after + 1
    assert found.open_records == found.records
    with LedgerReader(path) as reader:
        assert reader.records() == tuple(order(n) for n in range(found.records))
    with LedgerStore(path) as ledger:
        ledger.append([order(n) for n in range(found.records + 3)])
        ledger.close_block(1, START, START + DAY, START + DAY)
    assert verify(path).records == found.records + 3
    assert [p.name for p in tmp_path.iterdir()] == ["a.ledger"]
