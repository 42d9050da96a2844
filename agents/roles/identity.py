"""Who an agent is in its market: its name, domain and key, how it numbers what it says and signs what it records."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime

from agents.roles.effects import Publish
from cim.codec.codec import encode
from cim.platform.publications.incidents import MessageLapsed, WorkFailed
from market.ledger.party_keys import PartyKeys
from market.ledger.records import Record
from market.ledger.signing import SEED_BYTES, Signer, verify
from market.rules import MarketRules
from market.uftp import Header, Result, UftpMessage


class AgentIdentity:
    """An agent's name, the rules of its market, and its signature.

    Args:
        key: 32-byte seed of its Ed25519 key, and behind it those of the keys that it goes over to one day.

    Attributes:
        keys: the key of each party that is in force, by domain; whose key is revoked is missing.
        signer: signs with this agent's own.
    """

    def __init__(self, name: str, rules: MarketRules, key: bytes) -> None:
        self.name = name
        self.rules = rules
        self._signers = tuple(Signer(key[k : k + SEED_BYTES]) for k in range(0, len(key), SEED_BYTES))
        self.signer = self._signers[0]
        self.keys: Mapping[str, bytes] = rules.keys
        self._all_keys = PartyKeys(rules.keys, rules.keeper)

    def go_by(self, keys: PartyKeys) -> None:
        """Check others with these keys from now on, and sign with the one of one's own that is in force."""
        self._all_keys, self.keys = keys, keys.in_force()
        own = self.keys.get(self.domain)
        self.signer = next((signer for signer in self._signers if signer.public == own), self.signer)

    def has_signed(self, party: str, record: Record) -> bool:
        """Whether a party (a domain) has signed a record that stands in the ledger, by any key that it has had.

        The ledger took nothing by a key that was not in force; a record stays signed when the key goes over to another.
        """
        keys = self._all_keys.since(party, 0)
        return any(verify(key, record.message, s.value) for s in record.signatures if s.party == party for key in keys)

    def signer_of(self, public: bytes) -> Signer | None:
        """This agent's own key of that public half, if it has it."""
        return next((signer for signer in self._signers if signer.public == public), None)

    def next_key(self, used: Collection[bytes]) -> Signer | None:
        """The first of this agent's own keys whose public half is none of these, if it has one."""
        return next((signer for signer in self._signers if signer.public not in used), None)

    @property
    def domain(self) -> str:
        """This agent's own domain, its name in the market and in the ledger."""
        return self.rules.domains[self.name]

    def identifier(self, *about: str) -> str:
        """A UUID that depends on nothing but the run's seed, this agent's name and what it is about.

        Nothing is counted, so the order in which an agent hears things changes no identifier. `about` must therefore
        tell everything apart that is to be told apart.
        """
        digest = bytearray(hashlib.sha256("\0".join((self.rules.seed, self.name, *about)).encode()).digest()[:16])
        digest[6], digest[8] = digest[6] & 0x0F | 0x40, digest[8] & 0x3F | 0x80  # RFC 9562: version 4, its variant
        text = digest.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def header(self, to: str, now: datetime, conversation: str | None, *about: str) -> Header:
        """A UFTP header from this agent to another, of the message that is `about` this, at this instant.

        `about` begins with the kind of message; a reply goes on with the id of the message it answers and with its
        result, an original message with its period, congestion point and revision (as far as it has them).
        """
        message_id = self.identifier(to, now.isoformat(), *about)
        domains = self.rules.domains
        return Header(domains[self.name], domains[to], now, message_id, conversation or message_id)

    def reply(
        self, to: str, now: datetime, message: UftpMessage, fault: str | None
    ) -> tuple[Header, str, Result, str | None]:
        """What every UFTP response begins with: header, id of the `message` answered, result, reason of a refusal."""
        answered = message.header.message_id
        header = self.header(
            to, now, message.header.conversation_id, f"{type(message).__name__}Response", answered, fault or ""
        )
        return header, answered, Result.ACCEPTED if fault is None else Result.REJECTED, fault

    def lapse(self, what: str, about: str, peer: str, reason: str, now: datetime) -> Publish:
        """Tell that something came too early, too late or twice, or cannot be: what, about what, whose, why."""
        return Publish(MessageLapsed(now, what, about, peer, self.name, reason))

    def failed(self, what: str, about: str, error: str, now: datetime) -> Publish:
        """Tell that a calculation came to nothing: which, what it was for, why."""
        return Publish(WorkFailed(now, self.name, what, about, error))

    def record(self, kind: str, key: str, body: object, now: datetime, *, salted: bool = False) -> Record:
        """A ledger record of `body` (a wire value), signed by this agent.

        Args:
            salted: it says something of a person: the ledger's entry holds a salted hash, and the body can be erased. The
                salt follows from this agent's first key, so that a record made again after a crash is the same.
        """
        salt = self._signers[0].salt(kind, key, now.isoformat()) if salted else b""
        return Record(kind, key, now, self.domain, encode(body), salt=salt).signed(self.domain, self.signer)
