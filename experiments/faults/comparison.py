"""What must be the same with failures and without: the ledger's head, and how many events each agent handled."""

from __future__ import annotations

from pathlib import Path

from experiments.run.run import RunResult
from market.ledger.verify import verify

Uneven = tuple[tuple[str, int, int], ...]  # agent, events it handled without failures, with failures


def uneven(clean: RunResult, failed: RunResult) -> tuple[Uneven, Uneven]:
    """Agents that handled fewer, and more, events than without failures."""
    pairs = [(name, clean.handled[name], failed.handled.get(name, 0)) for name in sorted(clean.handled)]
    return tuple(pair for pair in pairs if pair[2] < pair[1]), tuple(pair for pair in pairs if pair[2] > pair[1])


def heads(clean: Path, failed: Path) -> tuple[str, str]:
    """The last head of both ledgers, hex."""
    return (verify(clean).head or b"").hex(), (verify(failed).head or b"").hex()


def differences(counts: Uneven, found: tuple[str, str], what: str) -> list[str]:
    """A sentence for each; `what` names the failures ("kills")."""
    told = [f"{name}: handled {b} events, {a} without {what}" for name, a, b in counts]
    if found[0] != found[1]:
        told.append(f"ledger: head {found[1][:16]} is not {found[0][:16]}, that of the run without {what}")
    return told
