"""Whether the parties of a settlement hold the same meter data: digests of their copies, told after each day to who reads meters.

A digest shows nothing of the values, and binds: who later sums up by another copy than it told of contradicts itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from cim.codec.codec import encode, wire
from market.uftp import Metering


@wire("market.CopyDigest")
class CopyDigest(NamedTuple):
    """What a party holds of a meter's day.

    Attributes:
        owner: domain of whose meter it is.
        meter: EAN of a connection, or the name of an element.
        digest: SHA-256 over its profiles, hexadecimal.
    """

    owner: str
    meter: str
    digest: str


def copy_digest(metering: Metering) -> CopyDigest:
    """The digest of one copy; the same for all parties that hold the same values, whoever the message was to."""
    told = hashlib.sha256(encode((metering.ean, metering.period, metering.profiles))).hexdigest()
    return CopyDigest(metering.header.sender_domain, metering.ean, told)


def wrong_copies_of(held: Iterable[CopyDigest], read: Iterable[Metering]) -> tuple[Metering, ...]:
    """What was read of the meters of which a party holds something else, in order; meters that were not read are left out."""
    known = {(copy.owner, copy.meter): copy.digest for copy in held}
    found = []
    for metering in read:
        told = known.get((metering.header.sender_domain, metering.ean))
        if told is not None and told != copy_digest(metering).digest:
            found.append(metering)
    return tuple(sorted(found, key=lambda one: (one.header.sender_domain, one.ean)))
