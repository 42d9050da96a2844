"""Bad faith against the ledger, thousands of times: proofs, entries and heads changed at random must be refused, with a reason."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput, IlesError
from market.ledger.checking import check_consistency, check_inclusion
from market.ledger.proof_reading import from_json
from market.ledger.proofs import InclusionProof
from market.ledger.prover import Prover
from market.ledger.records import BlockHead, Party, Record
from market.ledger.replica import BlockLeaves, fault_of
from market.ledger.signing import Signer, key_from_seed
from market.ledger.store import LedgerStore

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
_NAMES = ("agr.example", "dso.example", "iles.example")
_START, _DAY = datetime(2026, 5, 20, tzinfo=UTC), timedelta(days=1)


@dataclass(frozen=True)
class Fuzzed:
    """What came of it: attempts, refusals by the beginning of their sentence, and what should have been refused."""

    attempts: int
    refused: Counter[str]
    harmless: int
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class _World:
    """A ledger of three blocks, half of its records salted."""

    image: bytes
    heads: tuple[BlockHead, ...]
    shown: tuple[BlockLeaves, ...]
    proofs: tuple[tuple[str, bytes], ...]  # as JSON, with the digest of the head that is held
    records: tuple[Record, ...]


def fuzz(count: int, seed: int) -> Fuzzed:
    """Change something `count` times and hand it to who checks; the same seed changes the same."""
    draw, world = random.Random(seed), _world(seed)  # noqa: S311 - it must be the same again
    kinds: tuple[Callable[[random.Random, _World], str | None], ...] = (_json, _text, _head, _record, _message)
    refused: Counter[str] = Counter()
    wrong, harmless = [], 0
    for number in range(count):
        attempt = kinds[number % len(kinds)]
        try:
            said = attempt(draw, world)
        except IlesError as error:
            refused[" ".join(str(error).split()[:2])] += 1
        except Exception as error:  # whatever it is, it is what is looked for
            wrong.append(f"attempt {number} ({attempt.__name__[1:]}): {type(error).__name__}: {error}")
        else:
            if said is None:
                harmless += 1
            else:
                wrong.append(f"attempt {number} ({attempt.__name__[1:]}): {said}")
    return Fuzzed(count, refused, harmless, tuple(wrong))


def _world(seed: int) -> _World:
    signers = {name: key_from_seed(seed, name) for name in _NAMES}
    heads, shown = [], []
    with LedgerStore(b"") as store:
        store.create([Party(name, signer.public) for name, signer in signers.items()], {"site": "fuzz"})
        for block in range(1, 4):
            store.append([_made(signers, block, k) for k in range(block * 3)])
            begin = _START + block * _DAY
            heads.append(store.close_block(block, begin, begin + _DAY, begin + _DAY))
            shown.append(store.leaves_of(heads[-1]))
            store.cosign(block, _NAMES[2], signers[_NAMES[2]].sign(heads[-1].message))
        image, records = store.image(), store.records()
    with Prover(image) as prover:
        proofs = [(prover.inclusion(r.kind, r.key).to_json(), heads[-1].digest) for r in records]
        proofs += [(prover.consistency(head.digest).to_json(), head.digest) for head in heads]
    return _World(image, tuple(heads), tuple(shown), tuple(proofs), records)


def _made(signers: dict[str, Signer], block: int, number: int) -> Record:
    salt = bytes([block * 16 + number]) * 32 if number % 2 else b""
    made = Record("order", f"{block}-{number:02d}", _START, _NAMES[0], encode((number, "W")), salt=salt)
    return made.signed(_NAMES[0], signers[_NAMES[0]]).signed(_NAMES[1], signers[_NAMES[1]])


def _same(text: str, known: str, held: bytes) -> str | None:
    """What is accepted must be the sound proof (fewer co-signatures, or a hidden body, are no lie)."""
    (one,), (two,) = from_json(text), from_json(known)
    found = check_inclusion(one, held) if isinstance(one, InclusionProof) else check_consistency(one, held)
    bare = replace(one, witnessed=replace(one.witnessed, cosignatures=(), parties=(), parties_size=0))
    sound = replace(two, witnessed=replace(two.witnessed, cosignatures=(), parties=(), parties_size=0))
    if isinstance(bare, InclusionProof) and isinstance(sound, InclusionProof) and not bare.salt:
        sound = replace(sound, salt=b"", body=b"")
    return None if bare == sound else f"accepted, and says something else: {found.checks[0]}, {text}"


def _json(draw: random.Random, world: _World) -> str | None:
    """A value in a proof's JSON becomes another."""
    known, held = draw.choice(world.proofs)
    raw = json.loads(known)
    places = list(_places(raw))
    *outer, last = draw.choice(places)
    inner = raw
    for part in outer:
        inner = inner[part]
    inner[last] = copy.deepcopy(_value(draw, inner[last]))
    return _same(json.dumps(raw), known, held)


def _places(raw: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    for key, item in items:
        yield (*at, key)
        yield from _places(item, (*at, key))


def _value(draw: random.Random, known: Json) -> Json:
    others: list[Json] = [
        None,
        True,
        -1,
        1 << 70,
        0.5,
        "",
        "00",
        "00" * 32,
        [],
        {},
        [known],
        {"a": known},
        "\ud7ff",
        float("inf"),
    ]
    if isinstance(known, int):
        others += [known + 1, known - 1, known * 2]
    if isinstance(known, str) and known:
        place = draw.randrange(len(known))
        others += [known[:place] + draw.choice("0123456789abcdef\n ") + known[place + 1 :], known[1:], known + known]
    if isinstance(known, list) and known:
        others += [known[1:], known[:-1], [*known, known[0]], list(reversed(known))]
    return draw.choice(others)


def _text(draw: random.Random, world: _World) -> str | None:
    """Characters of a proof's text are cut, doubled or changed."""
    known, held = draw.choice(world.proofs)
    start = draw.randrange(len(known))
    end = min(len(known), start + draw.randrange(1, 9))
    put = draw.choice(["", known[start:end] * 2, draw.choice('0123456789abcdef{}[],:"\\\0')])
    text = known[:start] + put + known[end:]
    if text == known:
        return None
    return _same(text, known, held)


def _head(draw: random.Random, world: _World) -> str | None:
    """A head, or what is shown of its block, is changed before a co-signer sees it who knows the block before."""
    place = draw.randrange(1, len(world.heads))
    head, shown, known = world.heads[place], world.shown[place], world.heads[place - 1]
    name = draw.choice(["number", "count", "size", "root", "previous", "parties_hash", "frontier", "leaves", "known"])
    if name in ("number", "count", "size"):
        head = replace(head, **{name: getattr(head, name) + draw.choice([-1, 1, 7, 1 << 40])})
    elif name in ("root", "previous", "parties_hash"):
        head = _with_hash(head, name, draw.choice([draw.randbytes(32), bytes(32), b""]))
    elif name == "frontier":
        shown = replace(shown, frontier=(*shown.frontier, draw.randbytes(32))[draw.randrange(2) :])
    elif name == "leaves":
        byte = draw.randrange(len(shown.leaves))
        shown = replace(shown, leaves=shown.leaves[:byte] + draw.randbytes(1) + shown.leaves[byte + 1 :])
    else:
        known = draw.choice(world.heads)
    if (head, shown, known) == (world.heads[place], world.shown[place], world.heads[place - 1]):
        return None
    fault = fault_of(head, shown, known)
    if fault is not None:
        raise BadInput(f"head: {fault}")
    return f"a co-signer takes block {place + 1} with another {name}"


def _with_hash(head: BlockHead, name: str, value: bytes) -> BlockHead:
    if name == "root":
        return replace(head, root=value)
    return replace(head, previous=value) if name == "previous" else replace(head, parties_hash=value)


def _record(draw: random.Random, world: _World) -> str | None:
    """A record with something changed, its signatures left as they were, is handed to a ledger."""
    known = draw.choice(world.records)
    name = draw.choice(["kind", "key", "author", "body", "salt", "commitment", "at", "signatures"])
    text = draw.choice(["", "x\ny", "other", "dso.example\0"])
    if name == "body":
        changed = replace(known, body=draw.randbytes(draw.randrange(20)), commitment=b"")
    elif name == "salt":
        changed = replace(known, salt=draw.randbytes(draw.choice([0, 31, 32])), commitment=b"")
    elif name == "commitment":
        changed = replace(known, commitment=draw.randbytes(draw.choice([0, 31, 32])))
    elif name == "at":
        changed = replace(known, at=known.at + timedelta(microseconds=draw.randrange(1, 10)))
    elif name == "signatures":
        changed = replace(known, signatures=known.signatures[draw.randrange(1, 3) :])
    elif name == "kind":
        changed = replace(known, kind=text)
    else:
        changed = replace(known, key=text) if name == "key" else replace(known, author=text)
    if changed.entry == known.entry:
        return None
    with LedgerStore(world.image) as store:
        store.append([changed])
    return f"the ledger takes {known.key} with another {name}"


def _message(draw: random.Random, world: _World) -> str | None:
    """A record's wire bytes are changed on their way."""
    known = draw.choice(world.records)
    data = bytearray(encode(known))
    for _ in range(draw.randrange(1, 4)):
        data[draw.randrange(len(data))] = draw.randrange(256)
    found = decode(bytes(data))
    if not isinstance(found, Record):
        raise BadInput("message: it is no record")
    if found.entry == known.entry:
        return None
    with LedgerStore(world.image) as store:
        store.append([found])
    return f"the ledger takes {known.key} after its bytes were changed"
