"""Who may be reached from where: what listens beyond this machine must know who is calling."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from cim.model.errors import BadInput


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`.

    Names are not resolved (what a name means can change after the check); only `localhost` is known to be this machine.
    An empty host means every interface.
    """
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def refuse_public(host: str, authenticated: bool, what: str) -> None:
    """Let nothing listen where others can reach it without asking who they are.

    Args:
        host: the interface's address, or a name.
        authenticated: whether every caller must prove who they are.
        what: that wants to listen; opens the sentence.

    Raises:
        BadInput: `host` is not loopback and callers need not authenticate.
    """
    if not authenticated and not is_loopback(host):
        raise BadInput(
            f"{what}: host {host!r} can be reached from other machines, which needs authentication; "
            "expected a loopback address such as 127.0.0.1, or authentication switched on"
        )
