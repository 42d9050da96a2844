"""`iles bench ledger`: how fast records become durable, signatures are checked, heads taken and proofs made, on this machine.

Beside it, in the same run: merkletools rebuilding its tree for each head, and libsodium's bare Ed25519 checks.
"""

from __future__ import annotations

import hashlib
import os
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nacl import bindings

from experiments.bench.figures import Figures
from market.ledger.merkle import MerkleTree, verify_inclusion
from market.ledger.prover import Prover
from market.ledger.records import Party, Record, Signature
from market.ledger.signing import Signer, simulation_seed
from market.ledger.store import LedgerStore

START, DAY = datetime(2026, 5, 20, tzinfo=UTC), timedelta(days=1)
LEAVES = 1_000_000
KNOWN_BATCH = 500  # records with two signatures each: what a process remembers having made or checked
UNKNOWN_BATCH = 2_000
_MEMBERS = 1_000
_BODY = 200  # bytes of a clear body
_Check = tuple[bytes, bytes, bytes]


def measure(full: bool, tell: Callable[[str], None]) -> Figures:
    """All figures: records a second, microseconds a proof, and the ratios to others in the same run.

    Args:
        full: more of everything.
        tell: is told what goes on.
    """
    names = [*(f"home-{k:04d}.example" for k in range(_MEMBERS)), "agr.example"]
    seeds = {name: simulation_seed(16, name) for name in names}
    signers = {name: Signer(seed) for name, seed in seeds.items()}
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-ledger-") as folder:
        path = Path(folder) / "ledger.db"
        tell("durable appends")
        durable = _durable(path, signers, 400_000 if full else 100_000)
        tell("proofs")
        proofs = _proofs(path, 5_000 if full else 2_000)
        tell("appends with unknown signatures")
        signed = _signed(Path(folder) / "signed.db", seeds, 10 if full else 5)
    tell("a tree of a million")
    tree = _tree(LEAVES, 9 if full else 5)
    ratios = {
        "append_head_vs_merkletools": tree.pop("merkletools_us") / tree["append_head_us"],
        "signed_vs_bare_ed25519": signed.pop("ratio"),
        "durable_append_head_vs_merkletools": 0.0,
    }
    ratios["durable_append_head_vs_merkletools"] = ratios["append_head_vs_merkletools"] * (
        tree["append_head_us"] / durable["durable_append_head_us"]
    )
    return {"records": durable.pop("records"), **durable, **signed, **proofs, **tree, "ratios": ratios}


def _durable(path: Path, signers: dict[str, Signer], count: int) -> dict[str, float]:
    """Batches appended, each synced, whose signatures this process has made and so knows; a block for every tenth of them."""
    spent, closing = 0.0, 0.0
    with LedgerStore(path) as store:
        store.create([Party(name, signer.public) for name, signer in signers.items()], {"site": "bench"})
        number, known = 0, 0
        for batch in _batches(signers, count, KNOWN_BATCH):
            begun = time.perf_counter()
            store.append(batch)
            spent += time.perf_counter() - begun
            known += len(batch)
            if known * 10 >= count * (number + 1):
                number += 1
                begun = time.perf_counter()
                store.close_block(number, START + number * DAY, START + (number + 1) * DAY, START + number * DAY)
                closing += time.perf_counter() - begun
        single = []
        for record in next(_batches(signers, 200, 200, "single")):
            number += 1
            begun = time.perf_counter()
            store.append([record])
            store.close_block(number, START + number * DAY, START + (number + 1) * DAY, START + number * DAY)
            single.append(time.perf_counter() - begun)
    return {
        "records": count,
        "durable_records_per_s": count / spent,
        "durable_and_closed_records_per_s": count / (spent + closing),
        "durable_append_head_us": statistics.median(single) * 1e6,
    }


def _batches(signers: dict[str, Signer], count: int, size: int, kind: str = "metering") -> Iterator[list[Record]]:
    """Records of one day after the other, each signed by a member and its aggregator, in any order within a day."""
    draw = random.Random(16)
    names, made = [name for name in signers if name.startswith("home")], 0
    while made < count:
        batch = []
        for name in draw.sample(names, size):
            at = START + timedelta(seconds=made)
            made_here = Record(kind, f"{made // len(names):06d}/{made:08d}/{name}", at, name, draw.randbytes(_BODY))
            both = made_here.signed(name, signers[name]).signed("agr.example", signers["agr.example"])
            batch.append(replace(both))  # as it comes off the wire
            made += 1
        yield batch


def _signed(path: Path, seeds: dict[str, bytes], rounds: int) -> dict[str, float]:
    """Batches whose signatures this process has never seen, beside the bare checks of the same number of signatures."""
    ratios, ours, public = [], [], {name: Signer(seed).public for name, seed in seeds.items()}
    with LedgerStore(path) as store:
        store.create([Party(*pair) for pair in public.items()], {"site": "bench"})
        for number in range(rounds):
            batch = _unknown(seeds, f"round-{number}", UNKNOWN_BATCH)
            others = _unknown(seeds, f"bare-{number}", UNKNOWN_BATCH)
            checks = [(public[s.party], r.message, s.value) for r in others for s in r.signatures]
            begun = time.perf_counter()
            store.append(batch)
            between = time.perf_counter()
            _bare(checks)
            ended = time.perf_counter()
            ours.append(between - begun)
            ratios.append((ended - between) / (between - begun))
    seconds = statistics.median(ours)
    return {
        "signed_records_per_s": UNKNOWN_BATCH / seconds,
        "bare_ed25519_checks_per_s": 2 * UNKNOWN_BATCH / (seconds * statistics.median(ratios)),
        "ratio": statistics.median(ratios),
    }


def _unknown(seeds: dict[str, bytes], key: str, count: int) -> list[Record]:
    """Records with signatures made by libsodium alone, which the ledger's signing has therefore not seen."""
    secrets = {name: bindings.crypto_sign_seed_keypair(seed)[1] for name, seed in seeds.items()}
    names = [name for name in seeds if name.startswith("home")]
    records = []
    for k in range(count):
        name = names[k % len(names)]
        made = Record(
            "metering", f"{key}/{k:06d}/{name}", START, name, hashlib.sha512(f"{key}{k}".encode()).digest() * 3
        )
        values = tuple(
            Signature(party, bindings.crypto_sign(made.message, secrets[party])[:64]) for party in (name, "agr.example")
        )
        records.append(Record(made.kind, made.key, made.at, made.author, made.body, values))
    return records


def _bare(checks: Sequence[_Check]) -> None:
    """libsodium's checks and nothing else, on all cores."""
    cores = os.cpu_count() or 1
    size = -(-len(checks) // cores)

    def check(part: Sequence[_Check]) -> None:
        for public, message, value in part:
            bindings.crypto_sign_open(value + message, public)

    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(check, [checks[k : k + size] for k in range(0, len(checks), size)]))


def _proofs(path: Path, count: int) -> dict[str, float]:
    """From a record's name to the JSON of its proof, the ledger's tree being there."""
    with Prover(path) as prover:
        draw = random.Random(16)
        chosen = draw.sample(prover.keys("metering"), count)
        spent = []
        for key in chosen:
            begun = time.perf_counter()
            prover.inclusion("metering", key).to_json()
            spent.append(time.perf_counter() - begun)
    return {"proof_us": statistics.median(spent) * 1e6}


def _tree(size: int, rounds: int) -> dict[str, float]:
    """A record more and the new root, at a million; merkletools makes its tree anew for that."""
    leaves = [hashlib.sha256(k.to_bytes(8, "big")).digest() for k in range(size)]
    begun = time.perf_counter()
    tree = MerkleTree(leaves)
    built = time.perf_counter() - begun
    spent = []
    for k in range(2_000):
        leaf = hashlib.sha256(b"more" + k.to_bytes(8, "big")).digest()
        begun = time.perf_counter()
        tree.extend([leaf])
        tree.root()
        spent.append(time.perf_counter() - begun)
    paths = []
    draw = random.Random(16)
    head = tree.root()
    for index in draw.sample(range(size), 2_000):
        begun = time.perf_counter()
        path = tree.inclusion_path(index)
        paths.append(time.perf_counter() - begun)
        if not verify_inclusion(leaves[index], index, len(tree), path, head):
            raise RuntimeError(f"bench: the path of leaf {index} does not verify")
    return {
        "tree_built_s": built,
        "append_head_us": statistics.median(spent) * 1e6,
        "path_us": statistics.median(paths) * 1e6,
        "merkletools_us": _merkletools(leaves, rounds) * 1e6,
    }


def _merkletools(leaves: Sequence[bytes], rounds: int) -> float:
    """Seconds that merkletools takes for a record more and the new root."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that pysha3 is missing, which it does not need for SHA-256
        from merkletools import MerkleTools

    tree = MerkleTools(hash_type="sha256")
    tree.leaves.extend(map(bytearray, leaves))
    spent = []
    for k in range(rounds):
        begun = time.perf_counter()
        tree.add_leaf(f"more {k}", do_hash=True)
        tree.make_tree()
        tree.get_merkle_root()
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent)
