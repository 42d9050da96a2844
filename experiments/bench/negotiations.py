"""Negotiations of contracts in one process: alternating offers, every message signed by its sender and checked by its peer.

They are independent of each other and shared among a thread for each core: about half of the work is libsodium's, which runs
outside Python's global lock.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from experiments.bench.figures import Figures
from market.contracts.contract import FlexContract, FlexElement
from market.contracts.templates import from_template
from market.ledger.records import Record
from market.ledger.signing import Signer, forget_checked, key_from_seed
from market.negotiation.concession import Move, NegotiationPreferences, Side, Terms
from market.negotiation.conversation import Negotiation, State, accept_of, reject_of, signed_offer
from market.negotiation.messages import ContractCounter, ContractProposal, ContractReject, Message, Offer
from market.negotiation.strategies import strategy_of
from market.negotiation.strategy import Heard

_NOW = datetime(2026, 5, 20, 8, tzinfo=UTC)
_EXPIRES = _NOW + timedelta(minutes=10)
_BUYER = "aggregator.example"
_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Party:
    """Who negotiates: domain, key, and what it wants."""

    domain: str
    signer: Signer
    wants: NegotiationPreferences


def measure(count: int, progress: Callable[[str], None]) -> Figures:
    """Seconds of so many negotiations between an aggregator and as many members, their rounds, and how many agreed.

    `cpu_s` of them is what all cores together spent: on one core it takes so long.
    """
    progress(f"negotiations: {count:,}")
    random = Random(1)
    buyer_key = key_from_seed(1, _BUYER)
    pairs = [(_buyer(buyer_key, random), _seller(number, random)) for number in range(count)]
    drafts = [_draft(seller.domain, random) for _, seller in pairs]
    keys = {party.domain: party.signer.public for pair in pairs for party in pair}
    threads, mine = os.cpu_count() or 1, list(zip(pairs, drafts, strict=True))

    def share(first: int) -> list[tuple[int, Record | None]]:
        return [negotiate(*pair, draft, keys) for pair, draft in mine[first::threads]]

    began, cpu_began = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        ended = [end for part in pool.map(share, range(threads)) for end in part]
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    return {
        "negotiations_s": round(seconds, 2),
        "negotiations": {
            "count": count,
            "median_rounds": statistics.median(rounds for rounds, _ in ended),
            "most_rounds": max(rounds for rounds, _ in ended),
            "agreed": sum(record is not None for _, record in ended),
            "threads": threads,
            "cpu_s": round(cpu_s, 2),
        },
    }


def negotiate(buyer: Party, seller: Party, draft: FlexContract, keys: dict[str, bytes]) -> tuple[int, Record | None]:
    """A whole negotiation, which the buyer opens, from both ends; its rounds, and the record that both signed, if any.

    What one side signs is not known to be good to the other: it checks every signature, as it would in another process.
    """
    parties = {buyer.domain: buyer, seller.domain: seller}
    identity = draft.contract_id
    ends = {
        buyer.domain: Negotiation(identity, buyer.domain, seller.domain, keys),
        seller.domain: Negotiation(identity, seller.domain, buyer.domain, keys),
    }
    opening = strategy_of(buyer.wants.strategy).opening(buyer.wants, draft)
    proposal = ContractProposal(identity, buyer.domain, seller.domain, 1, _NOW, opening, _EXPIRES)
    message: Message = signed_offer(proposal, buyer.signer)
    while True:
        ends[message.sender].send(message)
        if not isinstance(message, ContractReject):
            forget_checked(message.signature)
        ends[message.recipient].receive(message)
        if not isinstance(message, ContractProposal | ContractCounter):
            break
        message = _answer(message, parties[message.recipient], ends[message.recipient])
    end = ends[buyer.domain]
    return end.round, end.record() if end.state is State.AGREED else None


def _answer(offer: Offer, me: Party, end: Negotiation) -> Message:
    heard = Heard(offer.contract, offer.round, end.earlier)
    answer = strategy_of(me.wants.strategy).answer(me.wants, heard)
    if answer.move is Move.ACCEPT:
        return accept_of(offer, _NOW, me.signer)
    if answer.move is Move.REJECT:
        return reject_of(offer, _NOW, "beyond what can be agreed")
    counter = ContractCounter(
        offer.conversation_id, me.domain, offer.sender, offer.round + 1, _NOW, answer.contract, _EXPIRES
    )
    return signed_offer(counter, me.signer)


def _buyer(signer: Signer, random: Random) -> Party:
    wants = NegotiationPreferences(
        Side.BUYER, Terms(random.randint(0, 100), 0), Terms(random.randint(600, 1000), 0), _ROUNDS
    )
    return Party(_BUYER, signer, wants)


def _seller(number: int, random: Random) -> Party:
    domain = f"member-{number}.example"
    wants = NegotiationPreferences(
        Side.SELLER, Terms(random.randint(600, 1000), 0), Terms(random.randint(50, 300), 0), _ROUNDS
    )
    return Party(domain, key_from_seed(1, domain), wants)


def _draft(seller: str, random: Random) -> FlexContract:
    """A household's battery and PV plant, each at its own cost."""
    elements = (
        FlexElement("battery", "battery", 10_000, -10_000, volume_price_e4_per_kwh=random.randint(600, 900)),
        FlexElement("pv", "pv", 10_000, 0, volume_price_e4_per_kwh=random.randint(700, 900)),
    )
    return from_template(
        "household-daily",
        contract_id=f"contract with {seller}",
        buyer=_BUYER,
        seller=seller,
        start_date=date(2026, 6, 1),
        end_date=date(2027, 5, 31),
        timezone="Europe/Vienna",
        flex_elements=elements,
        volume_price_e4_per_kwh=0,
    )
