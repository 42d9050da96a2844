"""Proofs that anyone checks offline, holding nothing but a head's digest: small JSON of hashes, texts and numbers.

An inclusion proof shows that a record stands in the ledger, a consistency proof that an older head is a prefix of a newer one
(RFC 9162 sections 2.1.3 and 2.1.4, whose names the fields have). `docs/check_proof.py` checks both with SHA-256 alone;
`market.ledger.checking` checks signatures, too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NamedTuple

INCLUSION, CONSISTENCY, COLLECTION = "iles-inclusion-2", "iles-consistency-2", "iles-proofs-2"


class ProvenParty(NamedTuple):
    """A signer, and the path that binds its name and key to the ledger's own name, the tree over meta and parties."""

    name: str
    public: bytes
    leaf_index: int
    inclusion_path: tuple[bytes, ...]


class ProvenChange(NamedTuple):
    """A record that changed a party's key, and where it stands under the proof's head."""

    entry: bytes
    leaf_index: int
    inclusion_path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class KeyHistory:
    """How the keys of a proof's parties became others than those that the ledger began with.

    Attributes:
        keeper, keeper_index, keeper_path: the domain of who may revoke, bound to the ledger's own name.
        changes: in the order in which they were recorded.
        heads: texts of the heads from the block of the first change on, up to the one before the proof's own: they say
            which leaves are whose block's.
    """

    keeper: str
    keeper_index: int
    keeper_path: tuple[bytes, ...]
    changes: tuple[ProvenChange, ...]
    heads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A head's text, who co-signed it, and the keys of these (and of a record's signers).

    Attributes:
        head: the text that is hashed and signed.
        cosignatures: (party, value) in order of party.
        parties: all whose signatures are given.
        parties_size: leaves of the tree over meta and parties.
        history: where a key of theirs was rotated or revoked.
    """

    head: str
    cosignatures: tuple[tuple[str, bytes], ...]
    parties: tuple[ProvenParty, ...]
    parties_size: int
    history: KeyHistory | None = None


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That a record stands in the ledger under a head.

    Attributes:
        entry: signatures and message of the record, whose hash is the leaf.
        leaf_index, tree_size, inclusion_path: where the leaf stands.
        witnessed: the head.
        salt, body: of a salted record, what its commitment is made of; both empty where it is not shown, or erased.
    """

    entry: bytes
    leaf_index: int
    tree_size: int
    inclusion_path: tuple[bytes, ...]
    witnessed: Witnessed
    salt: bytes = b""
    body: bytes = b""

    def to_json(self) -> str:
        """The proof as one line of JSON."""
        return json.dumps(self.as_dict())

    def as_dict(self) -> dict[str, object]:
        """The fields as JSON has them, bytes in hexadecimal."""
        return {
            "format": INCLUSION,
            "entry": self.entry.hex(),
            "leaf_index": self.leaf_index,
            "tree_size": self.tree_size,
            "inclusion_path": [step.hex() for step in self.inclusion_path],
            **({"salt": self.salt.hex(), "body": self.body.hex()} if self.salt else {}),
            **_witnessed_dict(self.witnessed),
        }


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That all records under one head stand at the same places under a later one.

    Attributes:
        tree_size_1, tree_size_2: records under the older and the newer head.
        consistency_path: RFC 9162 2.1.4.1.
        older: text of the older head.
        witnessed: the newer head.
    """

    tree_size_1: int
    tree_size_2: int
    consistency_path: tuple[bytes, ...]
    older: str
    witnessed: Witnessed

    def to_json(self) -> str:
        """The proof as one line of JSON."""
        return json.dumps(self.as_dict())

    def as_dict(self) -> dict[str, object]:
        """The fields as JSON has them, bytes in hexadecimal."""
        return {
            "format": CONSISTENCY,
            "tree_size_1": self.tree_size_1,
            "tree_size_2": self.tree_size_2,
            "consistency_path": [step.hex() for step in self.consistency_path],
            "head_1": self.older,
            **_witnessed_dict(self.witnessed),
        }


Proof = InclusionProof | ConsistencyProof


def to_json(proofs: tuple[Proof, ...]) -> str:
    """One proof, or a collection of several, as JSON with line breaks."""
    if len(proofs) == 1:
        return json.dumps(proofs[0].as_dict(), indent=1)
    return json.dumps({"format": COLLECTION, "proofs": [proof.as_dict() for proof in proofs]}, indent=1)


def _history_dict(history: KeyHistory) -> dict[str, object]:
    return {
        "keeper": history.keeper,
        "keeper_index": history.keeper_index,
        "keeper_path": [step.hex() for step in history.keeper_path],
        "changes": [
            {
                "entry": change.entry.hex(),
                "leaf_index": change.leaf_index,
                "inclusion_path": [step.hex() for step in change.inclusion_path],
            }
            for change in history.changes
        ],
        "heads": list(history.heads),
    }


def _witnessed_dict(witnessed: Witnessed) -> dict[str, object]:
    return {
        "head": witnessed.head,
        "cosignatures": [{"party": party, "value": value.hex()} for party, value in witnessed.cosignatures],
        "parties": [
            {"name": p.name, "public": p.public.hex(), "leaf_index": p.leaf_index,
             "inclusion_path": [step.hex() for step in p.inclusion_path]}
            for p in witnessed.parties
        ],
        "parties_size": witnessed.parties_size,
        **({} if witnessed.history is None else {"key_history": _history_dict(witnessed.history)}),
    }  # fmt: skip
