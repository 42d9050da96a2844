"""TLS for devices that dial in: security profiles 2 and 3 (OCPP 2.0.1 part 2, A00; OCPP 1.6 security whitepaper, 2.3)."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from cim.codec.codec import wire
from cim.model.errors import BadInput


@wire("device.TlsFiles")
@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the server's certificate is: PEM files.

    Attributes:
        certificate: of the server, with the chain above it.
        key: its private key.
        clients: the authorities whose certificates devices may show (profile 3); "" where none may.
    """

    certificate: str
    key: str
    clients: str = ""


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """What the server speaks: TLS 1.2 or later, and a client's certificate where one is shown.

    Raises:
        BadInput: a file cannot be read, or does not hold what it should.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # A00.FR.311
    try:
        context.load_cert_chain(files.certificate, files.key)
    except (OSError, ssl.SSLError) as error:
        raise BadInput(
            f"tls: {files.certificate} and {files.key} cannot be used ({error}); "
            "expected a certificate and its private key, both as PEM"
        ) from error
    if files.clients:
        context.verify_mode = ssl.CERT_OPTIONAL  # who shows none may still have a password
        try:
            context.load_verify_locations(files.clients)
        except (OSError, ssl.SSLError) as error:
            raise BadInput(
                f"tls: {files.clients} cannot be used ({error}); expected the certificates of authorities as PEM"
            ) from error
    return context


def common_name(certificate: Mapping[str, object] | None) -> str | None:
    """The one common name of the subject of a verified certificate (`getpeercert`); None where it has none, or several."""
    subject = (certificate or {}).get("subject", ())
    found = [
        value
        for names in (subject if isinstance(subject, tuple) else ())
        for field, value in names
        if field == "commonName"
    ]
    return str(found[0]) if len(found) == 1 else None
