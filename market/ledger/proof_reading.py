"""Proofs from the JSON of strangers: every field of its type and within bounds, or one sentence that names it."""

from __future__ import annotations

import json
from typing import TypeVar

from cim.model.errors import BadInput
from market.ledger.proofs import (
    COLLECTION,
    CONSISTENCY,
    INCLUSION,
    ConsistencyProof,
    InclusionProof,
    KeyHistory,
    Proof,
    ProvenChange,
    ProvenParty,
    Witnessed,
)

_MOST_STEPS, _MOST_PARTIES, _MOST_PROOFS = 64, 1000, 100_000
T = TypeVar("T")


def from_json(text: str) -> tuple[Proof, ...]:
    """The proofs in `text`: one, or a collection.

    Raises:
        BadInput: it is not the JSON of proofs; the sentence names the field.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"proof: it is not JSON ({error})") from error
    fields = _Fields(data)
    if fields.data.get("format") != COLLECTION:
        return (_proof(fields),)
    proofs = fields.items("proofs", _MOST_PROOFS)
    if not proofs:
        raise BadInput("proof proofs: it is empty; expected at least one")
    return tuple(_proof(_Fields(one)) for one in proofs)


def _proof(fields: _Fields) -> Proof:
    found = fields.data.get("format")
    if found == INCLUSION:
        salted = "salt" in fields.data
        if salted and not fields.hexed("salt"):
            raise BadInput("proof salt: it is empty; expected it whole, or no salt and no body")
        return InclusionProof(
            fields.hexed("entry"),
            fields.number("leaf_index"),
            fields.number("tree_size"),
            fields.path("inclusion_path"),
            _witnessed(fields),
            fields.hexed("salt") if salted else b"",
            fields.hexed("body") if salted else b"",
        )
    if found == CONSISTENCY:
        return ConsistencyProof(
            fields.number("tree_size_1"),
            fields.number("tree_size_2"),
            fields.path("consistency_path"),
            fields.text("head_1"),
            _witnessed(fields),
        )
    raise BadInput(
        f"proof format: {str(found)[:40]!r} is not known; expected {INCLUSION}, {CONSISTENCY} or {COLLECTION}"
    )


def _witnessed(fields: _Fields) -> Witnessed:
    cosignatures = []
    for pair in fields.items("cosignatures", _MOST_PARTIES):
        one = _Fields(pair)
        cosignatures.append((one.text("party"), one.hexed("value")))
    parties = []
    for item in fields.items("parties", _MOST_PARTIES):
        one = _Fields(item)
        parties.append(
            ProvenParty(one.text("name"), one.hexed("public"), one.number("leaf_index"), one.path("inclusion_path"))
        )
    history = _history(_Fields(fields.data["key_history"])) if "key_history" in fields.data else None
    return Witnessed(fields.text("head"), tuple(cosignatures), tuple(parties), fields.number("parties_size"), history)


def _history(fields: _Fields) -> KeyHistory:
    changes = [_Fields(item) for item in fields.items("changes", _MOST_PARTIES)]
    heads = fields.items("heads", _MOST_PROOFS)
    if not all(isinstance(head, str) for head in heads):
        raise BadInput("proof heads: one is no text; expected the texts of heads")
    return KeyHistory(
        fields.text("keeper"),
        fields.number("keeper_index"),
        fields.path("keeper_path"),
        tuple(
            ProvenChange(one.hexed("entry"), one.number("leaf_index"), one.path("inclusion_path")) for one in changes
        ),
        tuple(str(head) for head in heads),
    )


class _Fields:
    """One JSON object, read field by field: each of its type, or a sentence that names it."""

    def __init__(self, data: object) -> None:
        if not isinstance(data, dict):
            raise BadInput(f"proof: {type(data).__name__} where an object is expected")
        self.data: dict[str, object] = data

    def text(self, name: str) -> str:
        return self._of(name, str, "text")

    def number(self, name: str) -> int:
        value = self._of(name, int, "a whole number")
        if isinstance(value, bool) or not 0 <= value < 1 << 63:
            raise BadInput(f"proof {name}: {str(value)[:40]} is out of range; expected a whole number from 0")
        return value

    def hexed(self, name: str) -> bytes:
        return _unhexed(name, self._of(name, str, "hexadecimal text"))

    def path(self, name: str) -> tuple[bytes, ...]:
        steps = tuple(_unhexed(name, step) for step in self.items(name, _MOST_STEPS))
        if any(len(step) != 32 for step in steps):
            raise BadInput(f"proof {name}: a step is no SHA-256 hash; expected 64 hexadecimal digits each")
        return steps

    def items(self, name: str, most: int) -> list[object]:
        value: list[object] = self._of(name, list, "a list")
        if len(value) > most:
            raise BadInput(f"proof {name}: {len(value)} items; expected at most {most}")
        return value

    def _of(self, name: str, kind: type[T], words: str) -> T:
        value = self.data.get(name)
        if not isinstance(value, kind):
            what = "missing" if name not in self.data else f"of type {type(value).__name__}"
            raise BadInput(f"proof {name}: it is {what}; expected {words}")
        return value


def _unhexed(name: str, value: object) -> bytes:
    try:
        found = bytes.fromhex(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or not isinstance(value, str) or found.hex() != value:
        raise BadInput(f"proof {name}: {str(value)[:40]!r} is not lower-case hexadecimal")
    return found
