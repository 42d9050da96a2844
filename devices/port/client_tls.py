"""TLS as who connects speaks it: the other side's certificate is always checked, its name too."""

from __future__ import annotations

import ssl

from cim.model.errors import BadInput


def client_context(ca: str = "", certificate: str = "", key: str = "") -> ssl.SSLContext:
    """What is asked of the other side, and shown to it.

    Args:
        ca: PEM file with the authorities whose signature the other side's certificate has; "": what the machine trusts.
        certificate, key: PEM files of our own; "": none is shown (a key may stand in the certificate's file).

    Raises:
        BadInput: a file cannot be read, or does not hold what it should.
    """
    try:
        context = ssl.create_default_context(cafile=ca or None)
    except OSError as error:  # an SSLError is one
        raise BadInput(f"ca: {ca} cannot be read ({error}); expected certificates as PEM") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate:
        try:
            context.load_cert_chain(certificate, key or None)
        except OSError as error:
            raise BadInput(
                f"certificate: {certificate} and its key cannot be read ({error}); expected both as PEM"
            ) from error
    return context
