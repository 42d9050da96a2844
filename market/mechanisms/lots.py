"""Lots that anybody can draw again: by a seed and names, whatever the order of the bids and whatever their prices."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from cim.model.arrays import Ints


def drawn(seed: int, purpose: str, names: tuple[str, ...]) -> Ints:
    """[n] a number of 62 bits for each name."""
    lots = (blake2b(f"{seed}/{purpose}/{name}".encode(), digest_size=8).digest() for name in names)
    return np.array([int.from_bytes(lot, "big") >> 2 for lot in lots], dtype=np.int64)
