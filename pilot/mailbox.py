"""What people ask through the portal, as one host of the site's rounds: each request goes to its agent once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from agents.assembly.site_agents import SiteAgents
from agents.runtime.batches import decode_batch, encode_batch
from agents.runtime.envelope import LANES, Batch, Envelope, Outcome, Task
from agents.runtime.scheduler import AgentRuntime
from cim.model.errors import BadInput
from cim.platform.mailbox.mailbox import Letter, Mailbox
from cim.platform.mailbox.requests import MAILBOX, RequestAnswered, Wanted
from pilot.outside_runtime import OutsideRuntime

HOST = "portal"


def with_mailbox(site_agents: SiteAgents) -> SiteAgents:
    """The site's agents, and the one under whose name people ask.

    Raises:
        BadInput: an agent has that name.
    """
    if any(spec.name == MAILBOX for spec in site_agents.agents):
        raise BadInput(f"site: an agent is called {MAILBOX!r}, which is the portal's name; expected another")
    return replace(site_agents, outside={**site_agents.outside, MAILBOX: HOST})


def with_host(inner: AgentRuntime, mailbox: Mailbox, domains: Mapping[str, str], *, sealed: bool) -> AgentRuntime:
    """A runtime with the mailbox's host.

    Args:
        domains: by agent, of all parties.
        sealed: whether mail to other hosts goes as bytes (between processes).
    """
    names = {domain: name for name, domain in domains.items()}
    return OutsideRuntime(inner, HOST, MailboxHost(mailbox, names, inner.host_of, sealed))


class MailboxHost:
    """An `OutsideWorker` of a mailbox.

    Args:
        names: agent by domain, of all parties.
        host_of: the host of each agent.
        sealed: whether mail to other hosts goes as bytes (between processes).
    """

    def __init__(self, mailbox: Mailbox, names: Mapping[str, str], host_of: Mapping[str, str], sealed: bool) -> None:
        self._mailbox, self._names, self._host_of, self._sealed = mailbox, names, host_of, sealed

    def resume(self) -> tuple[Outcome, ...]:
        """Requests that may not have reached their agents, and how far this host is; what waits is dealt in its first round."""
        open_, last = self._mailbox.rounds()
        kept = [Outcome(n, self._mail(self._mailbox.dealt(n)), (), False, (), None, {}) for n in open_]
        return (*kept, Outcome(last, {}, (), self._mailbox.waiting, (), None, {}))

    def work(self, now: datetime, task: Task) -> Outcome:
        """Keep the answers that came, durably; give the requests that wait."""
        self._mailbox.taken(task.settled)
        handled = 0
        for parcel in task.parcels:
            opened = parcel.envelopes
            for envelope in opened if isinstance(opened, tuple) else decode_batch(bytes(opened)):
                message = Envelope(*envelope).message
                handled += 1
                if isinstance(message, RequestAnswered):
                    self._mailbox.answered(message, now)
        letters = self._mailbox.deal(task.number, _lane)
        for letter in letters:
            if letter.recipient not in self._names:
                fault = f"{letter.recipient} has no agent here"
                self._mailbox.answered(RequestAnswered(letter.number, False, fault), now)
        taken = tuple((parcel.source, parcel.number) for parcel in task.parcels)
        return Outcome(task.number, self._mail(letters), taken, False, (), None, {}, handled)

    def _mail(self, letters: list[Letter]) -> dict[str, tuple[Envelope, ...] | Batch]:
        mail: dict[str, list[Envelope]] = {}
        for letter in letters:
            to = self._names.get(letter.recipient)
            if to is not None and to in self._host_of:
                envelope = Envelope(to, MAILBOX, letter.lane, letter.sequence, letter.request)
                mail.setdefault(self._host_of[to], []).append(envelope)
        if self._sealed:
            return {host: encode_batch(envelopes) for host, envelopes in mail.items()}
        return {host: tuple(envelopes) for host, envelopes in mail.items()}


def _lane(request: Wanted) -> int:
    return LANES[type(request)]
