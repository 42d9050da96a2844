"""How simulated stations and gateways dial by TLS: whom they trust, and what each of them shows (security profiles 2 and 3)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from devices.port.client_tls import client_context


@dataclass(frozen=True)
class DialTls:
    """The files.

    Attributes:
        ca: PEM file of the authorities whose signature the server's certificate has; "": what the machine trusts.
        certificates: folder with NAME.pem and NAME.key of the devices that show a certificate of their own; None: none does.
    """

    ca: str = ""
    certificates: Path | None = None

    def shows(self, name: str) -> bool:
        """Whether a device has a certificate of its own."""
        return self.certificates is not None and (self.certificates / f"{name}.pem").is_file()

    def context(self, name: str) -> ssl.SSLContext:
        """What device `name` asks of the server, and shows to it. Raises `BadInput` naming the file that does not fit."""
        if self.certificates is None or not self.shows(name):
            return self._without
        files = [str(self.certificates / f"{name}.{ending}") for ending in ("pem", "key")]
        return client_context(self.ca, *files)

    @cached_property
    def _without(self) -> ssl.SSLContext:
        return client_context(self.ca)
