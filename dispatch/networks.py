"""Which networks we may be sent to by an address that somebody typed: the public ones, and those that the operator lists.

A name is resolved once, every address that it has is checked, and the connection goes to one of these very addresses: a name that
leads elsewhere a moment later leads nowhere. Not public is what IANA's registries of special-purpose addresses say
(https://www.iana.org/assignments/iana-ipv4-special-registry/ and iana-ipv6-special-registry/), multicast, what is reserved, and
whatever wraps an IPv4 address into an IPv6 one (mapped, NAT64, 6to4, Teredo), since the wrapped one may be anything.
"""

import socket
import time
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings

CONNECT_SECONDS = 5  # for one address

Network = IPv4Network | IPv6Network

NOT_PUBLIC: tuple[Network, ...] = tuple(
    map(
        ip_network,
        [
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
            "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
            "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
        ],
    )
)  # fmt: skip
PUBLIC_IPV6 = IPv6Network("2000::/3")  # all that has been given out; the rest is local, wrapped, multicast or reserved


class Forbidden(Exception):
    """An address lies in a network that may not be reached."""


def may_reach(address: str) -> bool:
    """Whether a connection may be made to this IP address, in any of its notations."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return _is_public(ip) or any(ip in network for network in settings.WEBHOOKS_MAY_REACH)


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    return (ip.version == 4 or ip in PUBLIC_IPV6) and not any(ip in network for network in NOT_PUBLIC)


def resolved(host: str, port: int) -> list[str]:
    """The addresses of this host, all of which may be reached. Raises Forbidden, or OSError for a name that has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as unspeakable:
        raise socket.gaierror(str(unspeakable)) from unspeakable
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_rest, sockaddr in found))
    if not addresses:
        raise socket.gaierror(host)
    if not all(map(may_reach, addresses)):
        raise Forbidden(host)
    return addresses


def connected(host: str, port: int, *, until: float) -> socket.socket:
    """A connection to the first of the host's addresses that takes one, by `until` on the monotonic clock. Raises Forbidden or
    OSError."""
    last: OSError = TimeoutError()
    for address in resolved(host, port):
        left = until - time.monotonic()
        if left <= 0:
            break
        try:
            made = socket.create_connection((address, port), timeout=min(CONNECT_SECONDS, left))
        except OSError as failed:
            last = failed
        else:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a request is two packets, and both go at once
            return made
    raise last
