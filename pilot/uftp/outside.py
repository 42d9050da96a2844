"""A site some of whose parties live elsewhere: who they are, and the host that stands for them in the site's rounds.

To the scheduler they are agents of one more host. What the site's agents tell them is put into the durable log and is
then taken, like any host's; what they say comes out of the log as the mail of a round, numbered by channel, until its
receivers have it durably. So each message is handled once, whoever of them dies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from agents.assembly.agents_of_site import check_distinct
from agents.assembly.site_agents import SiteAgents
from agents.runtime.batches import decode_batch, encode_batch
from agents.runtime.envelope import LANES, Batch, Envelope, Outcome, Published, Task
from cim.model.errors import BadInput
from cim.platform.publications.incidents import MessageLapsed
from market.uftp.checks import MarketScope
from market.uftp.exchange import ANSWERED, EXCHANGES, UsefRole, route_of
from market.uftp.header import Header
from pilot.uftp.conversions import NotOnTheWire
from pilot.uftp.edge import Edge
from pilot.uftp.mapping import to_model
from pilot.uftp.parties import Parties
from pilot.uftp.reception import check_scope
from pilot.uftp.shapes import SchemaFault
from pilot.uftp.xml import write_xml

HOST = "uftp"
_KIND = {UsefRole.AGR: "aggregator", UsefRole.DSO: "dso", UsefRole.CRO: "iles"}
_POLL = timedelta(seconds=2)  # of the wall's time

_log = structlog.get_logger("iles.uftp")


def with_outside(site_agents: SiteAgents, parties: Parties) -> SiteAgents:
    """The site's agents without those that live elsewhere, whose domains and keys are now their own.

    Raises:
        BadInput: a party is none of the site's or not of that role, one that lives elsewhere is no aggregator, or two
            parties have one domain or one key.
    """
    rules, kinds = site_agents.rules, {spec.name: spec.kind for spec in site_agents.agents}
    check_scope(parties.ours, rules.domains)
    roles = {**{p.name: p.role for p in parties.ours}, **{p.name: p.role for p in parties.peers}}
    for name, role in roles.items():
        if kinds.get(name) != _KIND[role]:
            raise BadInput(f"uftp: {name} as {role}; expected the name of the site's {_KIND[role]}")
    for peer in parties.peers:
        if peer.role is not UsefRole.AGR:
            raise BadInput(f"uftp: peer {peer.name} is the {peer.role}; expected aggregators, the others live here")
    away = {peer.name: peer for peer in parties.peers}
    domains = {name: away[name].domain if name in away else domain for name, domain in rules.domains.items()}
    left = {rules.domains[name] for name in away}
    keys = {domain: key for domain, key in rules.keys.items() if domain not in left}
    keys |= {peer.domain: peer.public for peer in parties.peers}
    check_distinct(domains, keys)
    agents = []
    for spec in site_agents.agents:
        if spec.name in away:
            continue
        # Who lives elsewhere keeps no replica of the ledger and co-signs nothing.
        here = spec.config
        if spec.kind == "ledger-keeper":
            here = tuple(name for name in spec.config if name not in away)
        elif spec.kind == "iles":  # nor does it hear of changes of aggregator that are asked for
            here = spec.config.without(away)
        elif (
            away and spec.kind == "dso"
        ):  # UFTP has no message for price rounds over all sellers: each offers by itself
            here = replace(spec.config, coordinates=False)
        elif away and spec.kind == "aggregator":
            here = replace(spec.config, coordinated=False)
        agents.append(replace(spec, config=here))
    return replace(
        site_agents,
        agents=tuple(agents),
        rules=replace(rules, domains=domains, keys=keys),
        outside=dict.fromkeys(away, HOST),
    )


def scope_of(site_agents: SiteAgents, points: Sequence[str]) -> MarketScope:
    """What all messages of a site agree on."""
    rules = site_agents.rules
    return MarketScope(rules.timezone, rules.isp_minutes, rules.currency, frozenset(points))


class OutsideHost:
    """The parties elsewhere, as one host of the site's rounds.

    Args:
        names: agent by domain, of all parties.
        host_of: the host of each agent.
        ours: the names of those who speak for themselves outside.
        sealed: whether mail to other hosts goes as bytes (between processes).
        speed: of the site's time.
    """

    def __init__(
        self,
        edge: Edge,
        names: Mapping[str, str],
        host_of: Mapping[str, str],
        ours: frozenset[str],
        sealed: bool,
        speed: float,
    ) -> None:
        self._edge, self._names, self._host_of, self._ours = edge, names, host_of, ours
        self._sealed, self._poll = sealed, _POLL * speed
        self._silent: set[tuple[str, str]] = set()

    def resume(self) -> tuple[Outcome, ...]:
        """What may not have reached its receivers, and how far this host is."""
        open_, last = self._edge.log.rounds()
        kept = [Outcome(n, self._mail(n), (), False, (), None, {}) for n in open_]
        return (*kept, Outcome(last, {}, (), False, (), None, {}))

    def work(self, now: datetime, task: Task) -> Outcome:
        """Take what the site's agents say, durably; give what came for them."""
        self._edge.log.settled(task.settled)
        published: list[Published] = []
        going = []
        envelopes = [e for parcel in task.parcels for e in _opened(parcel.envelopes)]
        for envelope in envelopes:
            fault = self._fault(envelope)
            if fault is None:
                going.append((envelope.message.header.recipient_domain, envelope.message))
            elif envelope.sender in self._ours:
                kind, about = type(envelope.message).__name__, _about(envelope.message)
                published.append(
                    (envelope.sender, MessageLapsed(now, kind, about, envelope.sender, envelope.to, fault))
                )
            else:
                self._told_once(envelope, fault)
        if going:
            self._edge.send(going)
        taken = tuple((parcel.source, parcel.number) for parcel in task.parcels)
        self._edge.log.deal(task.number)
        return Outcome(
            task.number, self._mail(task.number), taken, False, tuple(published), now + self._poll, {}, len(envelopes)
        )

    def _fault(self, envelope: Envelope) -> str | None:
        """Why a message cannot go over the wire, or None."""
        message, kind = envelope.message, type(envelope.message)
        if kind not in EXCHANGES and kind not in ANSWERED:
            return f"{kind.__name__} is said inside a site only; {envelope.to} lives elsewhere"
        if envelope.sender not in self._ours:
            return f"{envelope.sender} does not speak UFTP; expected {' or '.join(sorted(route_of(kind)[0]))}"
        try:
            write_xml(to_model(message))
        except (NotOnTheWire, SchemaFault) as fault:
            return str(fault)
        return None

    def _told_once(self, envelope: Envelope, fault: str) -> None:
        """Members tell their aggregator every few minutes what no aggregator elsewhere can hear."""
        what = type(envelope.message).__name__, envelope.to
        if what not in self._silent:
            self._silent.add(what)
            _log.info(
                "not sent", kind=what[0], to=what[1], reason=fault, so="told once, the same holds for all of them"
            )

    def _mail(self, number: int) -> dict[str, tuple[Envelope, ...] | Batch]:
        mail: dict[str, list[Envelope]] = {}
        for message, sequence in self._edge.log.dealt(number):
            sender, to = self._names.get(message.header.sender_domain), self._names.get(message.header.recipient_domain)
            if sender is None or to is None or to not in self._host_of:
                continue  # a party that the file no longer names
            envelope = Envelope(to, sender, LANES[type(message)], sequence, message)
            mail.setdefault(self._host_of[to], []).append(envelope)
        if self._sealed:
            return {host: encode_batch(envelopes) for host, envelopes in mail.items()}
        return {host: tuple(envelopes) for host, envelopes in mail.items()}


def _opened(envelopes: tuple[Envelope, ...] | Batch) -> Sequence[Envelope]:
    if isinstance(envelopes, tuple):
        return envelopes
    return [Envelope(*row) for row in decode_batch(bytes(envelopes))]


def _about(message: object) -> str:
    header = getattr(message, "header", None)
    return header.message_id if isinstance(header, Header) else type(message).__name__
