"""Judging the runtime and the ledger: nothing handled twice, nothing lost, nothing put aside; rest; one chain of heads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from agents.roles.effects import Send
from cim.codec.codec import tag_of, tag_of_type
from cim.platform.publications.incidents import HandlingFailed
from experiments.faults.simulation_run import SimulationRun
from market.ledger.hashing import genesis
from market.ledger.signing import verify


def agents_come_to_rest(simulation: SimulationRun) -> Iterator[str]:
    """At every instant agents fall silent; where they do not, the run was broken off, and other invariants may fail for it."""
    if simulation.restless is not None:
        yield simulation.restless


def nothing_is_handled_twice(simulation: SimulationRun) -> Iterator[str]:
    """In the history that counts, a message (sender, type, sequence number) occurs once."""
    for agent in simulation.cast.values():
        if len(set(agent.arrived)) == len(agent.arrived):
            continue
        for (sender, kind, sequence), times in Counter(agent.arrived).items():
            if times > 1:
                yield f"{agent.name}: message {sequence} ({kind.__name__}) of {sender} handled {times} times; expected once"


def nothing_is_lost(simulation: SimulationRun) -> Iterator[str]:
    """As many messages of each type arrive (or are put aside) on each channel as were sent on it, in the histories that count."""
    cast = simulation.cast.values()
    sent = Counter([(agent.name, send.to, tag_of(send.message)) for agent in cast for _, send in agent.wanted(Send)])
    received = Counter(
        [(sender, agent.name, tag_of_type(kind)) for agent in cast for sender, kind, _ in set(agent.arrived)]
    )
    for told in simulation.store.told(HandlingFailed):
        failed = told.publication
        if failed.sender is not None:  # put aside, with its error, is not lost
            received[failed.sender, told.agent, failed.event] += 1
    for channel in sorted({*sent, *received}):
        if sent[channel] != received[channel]:
            sender, to, kind = channel
            yield f"{sender} to {to}: {received[channel]} of {sent[channel]} messages ({kind}) arrived; expected all"


def nobody_fails(simulation: SimulationRun) -> Iterator[str]:
    """No role failed at an event: what is put aside is visible, but a sound market puts nothing aside."""
    for told in simulation.store.told(HandlingFailed):
        failed = told.publication
        yield f"{told.agent} at {failed.at.isoformat()}: {failed.error}; expected it to handle {failed.event}"


def heads_extend_each_other(simulation: SimulationRun) -> Iterator[str]:
    """The ledger verifies byte by byte, each head carries the one before, and every witness has signed every head."""
    book = simulation.book
    if book.fault is not None:
        yield f"ledger: {book.fault}"
    if len(book.heads) != len(simulation.scenario.rules.periods) + 1:
        yield f"ledger: {len(book.heads)} blocks; expected {len(simulation.scenario.rules.periods) + 1}"
    previous = None
    for head in book.heads:
        expected = genesis(head.parties_hash) if previous is None else previous.digest
        if head.previous != expected:
            yield f"ledger, block {head.number}: it does not extend the block before; expected {expected.hex()[:16]}..."
        previous = head
        signed = {signature.party: signature.value for signature in book.cosignatures[head.number]}
        for name in simulation.scenario.witnesses:
            domain = simulation.scenario.rules.domains[name]
            if not verify(simulation.scenario.rules.keys[domain], head.message, signed.get(domain, b"")):
                yield f"ledger, block {head.number}: no good co-signature of {domain}; expected one"
