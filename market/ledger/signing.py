"""Ed25519 signatures (RFC 8032) by libsodium, and where a party's key comes from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from nacl import bindings
from nacl.exceptions import BadSignatureError, CryptoError

from cim.model.errors import BadInput

_SEED, _PUBLIC, _SIGNATURE = 32, 32, 64


class Signer:
    """A party's private key, made from a 32-byte seed; signs and shows its public half, never the private one."""

    __slots__ = ("_secret", "public")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != _SEED:
            raise BadInput(f"seed: {len(seed)} bytes; expected {_SEED}")
        self.public, self._secret = bindings.crypto_sign_seed_keypair(seed)

    def sign(self, data: bytes) -> bytes:
        """The 64-byte detached signature of `data`."""
        return bindings.crypto_sign(data, self._secret)[:_SIGNATURE]

    def __repr__(self) -> str:
        return f"Signer(public={self.public.hex()})"


# The same signature is checked by whoever receives it, by the keeper before it is recorded, and by those who settle.
@lru_cache(maxsize=1024)
def verify(public: bytes, data: bytes, signature: bytes) -> bool:
    """Whether `signature` is `public`'s signature of `data`; never raises for bad keys or signatures."""
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
    workers = min(os.cpu_count() or 1, 8)
    size = max(1, -(-len(items) // workers))
    chunks = [(start, items[start : start + size]) for start in range(0, len(items), size)]
    if len(items) < 200:
        found = [_first_in(chunk) for chunk in chunks]
    else:
        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(_first_in, chunks))
    return next((index for index in found if index is not None), None)


def _first_in(chunk: tuple[int, Sequence[tuple[bytes, bytes, bytes]]]) -> int | None:
    start, items = chunk
    return next((start + k for k, (public, data, value) in enumerate(items) if not verify(public, data, value)), None)


def key_from_seed(seed: int, party: str) -> Signer:
    """A party's key in a SIMULATION, the same for the same run seed; worthless as a secret."""
    return Signer(simulation_seed(seed, party))


def simulation_seed(seed: int, party: str) -> bytes:
    """The 32 bytes that such a key is made of."""
    return hashlib.sha256(f"iles-simulation-key\0{seed}\0{party}".encode()).digest()


def load_or_create_key(path: Path) -> Signer:
    """A real party's key, see `load_or_create_secret`."""
    return Signer(load_or_create_secret(path))


def load_or_create_secret(path: Path) -> bytes:
    """32 bytes from their file; made at random, readable by their owner only, when it is not there.

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
        if len(known) != _SEED:
            raise BadInput(f"{path}: {len(known)} bytes; expected {_SEED}") from None
        return known
    seed = os.urandom(_SEED)
    with os.fdopen(handle, "wb") as file:
        file.write(seed)
        file.flush()
        os.fsync(file.fileno())
    return seed
