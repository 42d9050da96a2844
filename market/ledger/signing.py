"""Ed25519 signatures (RFC 8032) by libsodium, and where a party's key comes from."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from nacl import bindings
from nacl.exceptions import BadSignatureError, CryptoError

from cim.model.errors import BadInput

SEED_BYTES = 32
_PUBLIC, _SIGNATURE = 32, 64

# The same signature is checked by whoever receives it, by the keeper before it is recorded, and by those who settle; in a
# simulation all of them live in the process in which it was made. So what was found out once is remembered for a while.
_KNOWN_MOST = 1024
_WORTH_SHARING = 200  # signatures: fewer are checked sooner than threads are started
# By the signature: who is meant to have made it, of what, and whether it was good. Looked up by its 64 bytes alone, as
# to hash the data for it would take as long as all else of a look-up.
_known: OrderedDict[bytes, tuple[bytes, bytes, bool]] = OrderedDict()


class Signer:
    """A party's private key, made from a 32-byte seed; signs and shows its public half, never the private one."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise BadInput(f"seed: {len(seed)} bytes; expected {SEED_BYTES}")
        self._seed = seed

    @cached_property
    def _pair(self) -> tuple[bytes, bytes]:
        """Made when it is needed: most agents of a site never sign anything."""
        public, secret = bindings.crypto_sign_seed_keypair(self._seed)
        return public, secret

    @property
    def public(self) -> bytes:
        """The 32-byte public key."""
        return self._pair[0]

    def sign(self, data: bytes) -> bytes:
        """The 64-byte detached signature of `data`."""
        signature = bindings.crypto_sign(data, self._pair[1])[:_SIGNATURE]
        _remember(self.public, data, signature, good=True)
        return signature

    def salt(self, *about: str) -> bytes:
        """32 bytes for a salted record: the same for the same words, and not to be guessed without the private key."""
        return hmac.digest(self._seed, b"iles-salt\0" + "\0".join(about).encode(), "sha256")

    def __repr__(self) -> str:
        return f"Signer(public={self.public.hex()})"


def verify(public: bytes, data: bytes, signature: bytes) -> bool:
    """Whether `signature` is `public`'s signature of `data`; never raises for bad keys or signatures."""
    known = _known.get(signature)
    if known is not None and known[0] == public and known[1] == data:
        return known[2]
    return _remember(public, data, signature, good=_verified(public, data, signature))


def forget_checked(signature: bytes | None = None) -> None:
    """Forget whether a signature (None: any) was found good: the next check is a real one again, as in another process."""
    if signature is None:
        _known.clear()
    else:
        _known.pop(signature, None)


def _remember(public: bytes, data: bytes, signature: bytes, *, good: bool) -> bool:
    while len(_known) >= _KNOWN_MOST:
        _known.popitem(last=False)  # the oldest; in one step, as the portal's threads check signatures, too
    _known[signature] = public, data, good
    return good


def _verified(public: bytes, data: bytes, signature: bytes) -> bool:
    if len(public) != _PUBLIC or len(signature) != _SIGNATURE:
        return False
    try:
        bindings.crypto_sign_open(signature + data, public)
    except (BadSignatureError, CryptoError, ValueError):
        return False
    return True


def first_invalid(items: Sequence[tuple[bytes, bytes, bytes]]) -> int | None:
    """The index of the first of many (public, data, signature) that does not verify, or None.

    libsodium runs outside Python's global lock, so the batch is shared among the cores.
    """
    known = _known.get
    unknown = [k for k, (public, data, value) in enumerate(items) if known(value) != (public, data, True)]
    if len(unknown) < _WORTH_SHARING:
        return next((k for k in unknown if not verify(*items[k])), None)
    workers = min(os.cpu_count() or 1, 8)
    size = -(-len(unknown) // workers)
    with ThreadPoolExecutor(workers) as pool:
        chunks = [[(k, *items[k]) for k in unknown[start : start + size]] for start in range(0, len(unknown), size)]
        return next((index for index in pool.map(_first_in, chunks) if index is not None), None)


def _first_in(chunk: Sequence[tuple[int, bytes, bytes, bytes]]) -> int | None:
    """Nothing is remembered: threads work here."""
    return next((k for k, public, data, signature in chunk if not _verified(public, data, signature)), None)


def key_from_seed(seed: int, party: str) -> Signer:
    """A party's key in a SIMULATION, the same for the same run seed; worthless as a secret."""
    return Signer(simulation_seed(seed, party))


def simulation_seed(seed: int, party: str) -> bytes:
    """The 32 bytes that such a key is made of."""
    return hashlib.sha256(f"iles-simulation-key\0{seed}\0{party}".encode()).digest()


def load_or_create_secret(path: Path) -> bytes:
    """The 32 bytes a real party's key is made of, from their file; made at random, for their owner only, when missing.

    Raises:
        BadInput: the file is not 32 bytes, or others may read it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise BadInput(f"{path}: mode {mode:o} lets others read the key; expected 600") from None
        known = path.read_bytes()
        if len(known) != SEED_BYTES:
            raise BadInput(f"{path}: {len(known)} bytes; expected {SEED_BYTES}") from None
        return known
    seed = os.urandom(SEED_BYTES)
    with os.fdopen(handle, "wb") as file:
        file.write(seed)
        file.flush()
        os.fsync(file.fileno())
    return seed
