"""A message as it goes over the wire, and back: XML, sealed with the sender's key, in a SignedMessage.

Sealed is signed, not encrypted: libsodium's `crypto_sign`, Ed25519, 64 bytes of signature before the XML.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from nacl import bindings
from nacl.exceptions import BadSignatureError, CryptoError

from cim.model.errors import BadInput
from market.uftp.exchange import UsefRole
from market.uftp.header import UftpMessage
from pilot.uftp.library import built, uftp
from pilot.uftp.mapping import from_model, to_model
from pilot.uftp.shapes import SchemaFault
from pilot.uftp.xml import read_xml, write_xml

PUBLIC, SEED, SECRET = 32, 32, 64


class BadSeal(BadInput):
    """A sealed message that the key does not open."""


@dataclass(frozen=True)
class Sealed:
    """A SignedMessage that was read: who says to have sent it, and what is in it, not opened yet."""

    domain: str
    role: UsefRole
    body: bytes


@dataclass(frozen=True)
class SealingKey:
    """A party's private key, libsodium's 64 bytes; never shown."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) == SEED:
            object.__setattr__(self, "secret", bindings.crypto_sign_seed_keypair(self.secret)[1])
        if len(self.secret) != SECRET:
            raise BadInput(
                f"UFTP key: {len(self.secret)} bytes; expected {SEED} (a seed) or {SECRET} (libsodium's key)"
            )

    @property
    def public(self) -> bytes:
        """The public half, 32 bytes."""
        return self.secret[SEED:]

    @property
    def text(self) -> str:
        """In base 64, as the library takes it."""
        return base64.b64encode(self.secret).decode()


def sealed(message: UftpMessage, role: UsefRole, key: SealingKey) -> bytes:
    """The SignedMessage of a message, as the body of a POST.

    Raises:
        NotOnTheWire: UFTP has no words for it.
        SchemaFault: a field of it is not as the schema has it, for example an EAN.
    """
    body = bindings.crypto_sign(write_xml(to_model(message)), key.secret)
    values = {"sender_domain": message.header.sender_domain, "sender_role": uftp.UsefRole(role.value), "body": body}
    return write_xml(built(uftp.SignedMessage, values))


def wrapper_of(text: bytes) -> Sealed:
    """The SignedMessage in the body of a POST. Raises `SchemaFault`."""
    model = read_xml(text)
    if type(model) is not uftp.SignedMessage:
        raise SchemaFault(f"root element {type(model).__name__}; expected SignedMessage")
    said = vars(model)
    return Sealed(said["sender_domain"], UsefRole(said["sender_role"].value), said["body"])


def unsealed(body: bytes, public: bytes) -> bytes:
    """The XML in a sealed message.

    Raises:
        BadSeal: another key sealed it, or none.
    """
    try:
        opened: bytes = bindings.crypto_sign_open(body, public)
    except (BadSignatureError, CryptoError, ValueError) as error:
        raise BadSeal("Body: its signature does not fit the sender's public key") from error
    return opened


def message_model(xml: bytes) -> object:
    """The library's model of a message's XML; a SignedMessage in a SignedMessage is none. Raises `SchemaFault`."""
    model = read_xml(xml)
    if type(model) is uftp.SignedMessage:
        raise SchemaFault("root element SignedMessage; expected a message in it")
    return model


def message_in(xml: bytes) -> UftpMessage:
    """The message of an unsealed XML text. Raises `SchemaFault`, `NotForUs`."""
    return from_model(message_model(xml))


def public_key(text: str) -> bytes:
    """A public key from base 64, with or without the `cs1.` that it has in the DNS (and then maybe a second key behind it).

    Raises:
        BadInput: it is none.
    """
    try:
        raw = base64.b64decode(text.removeprefix("cs1."), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput(f"public key: {text[:60]!r}; expected base 64 of {PUBLIC} bytes") from error
    if len(raw) not in (PUBLIC, 2 * PUBLIC):
        raise BadInput(f"public key: {len(raw)} bytes; expected {PUBLIC}")
    return raw[:PUBLIC]
