"""Who is let in: the identity follows from the credential, a certificate or a password, never from the URL alone."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

from devices.dial_in.passwords import Authenticate, credentials

_KEPT = 100  # refusals that are remembered; the log has as many of them, and then every hundredth
_log = logging.getLogger("iles.devices.dialin")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A login that was refused: for which device, from which address, and why."""

    device: str
    peer: str
    why: str


class Door:
    """Decides who a caller is.

    Args:
        authenticate: is this the password of this device?
        by_certificate: the devices that come with a certificate (security profile 3), and with nothing else.
        on_refusal: told of every login that is refused.

    Attributes:
        refused: how many logins were refused.
        last_refused: the last of them.
    """

    def __init__(
        self,
        authenticate: Authenticate,
        by_certificate: Collection[str] = (),
        on_refusal: Callable[[Refusal], None] | None = None,
    ) -> None:
        self._authenticate, self._by_certificate, self._on_refusal = authenticate, frozenset(by_certificate), on_refusal
        self.refused = 0
        self.last_refused: deque[Refusal] = deque(maxlen=_KEPT)

    def opens(self, device: str, peer: str, header: str | None, certified: str | None) -> bool:
        """Whether the caller is the device that its URL names.

        Args:
            device: the name in the URL.
            peer: the address that it calls from.
            header: the Authorization header, if it sent one.
            certified: the common name of the certificate that it showed, if the TLS handshake verified one.
        """
        why = self._fault(device, header, certified)
        if why:
            self.refuse(Refusal(device[:64], peer, why))
        return not why

    def _fault(self, device: str, header: str | None, certified: str | None) -> str:
        if certified is not None and certified != device:
            return f"its certificate is that of {certified[:64]!r}"
        if device in self._by_certificate:
            return "" if certified is not None else "it showed no certificate"
        pair = credentials(header, device)
        if pair is None:
            return "it gave no password"
        if pair[0] != device:
            return f"it gave the name {pair[0][:64]!r}"
        return "" if self._authenticate(*pair) else "its password is not right"

    def refuse(self, refusal: Refusal) -> None:
        """Count it and say it; a flood of them does not flood the log."""
        self.refused += 1
        self.last_refused.append(refusal)
        if self._on_refusal is not None:
            self._on_refusal(refusal)
        if self.refused <= _KEPT or self.refused % _KEPT == 0:
            _log.warning(
                "refused to let %r in from %s: %s (login %d that was refused)",
                *(refusal.device, refusal.peer, refusal.why, self.refused),
            )
