"""Where a callback may go: to public addresses, and into networks that the operator allows.

A merchant chooses the address and our machine calls it, from inside our network; so what is read
off the text is strict, and what is decided is decided on numbers. A name is resolved once, every
address it has must be fit, and those very addresses are connected to. Spellings that two readers
could take for two hosts are refused, not repaired.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, TypeAlias

from counterfoil.core.record import Record

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Lookup: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

URL_MAX: Final = 2048
NAME_MAX: Final = 253
PORT_MAX: Final = 65_535
PORTS_FREE: Final = 1024  # below it stand mail, shells and the like; of them the two of HTTP only
PORTS: Final = {"http": 80, "https": 443}
CHARACTERS: Final = re.compile(r"[!$-;=?-Z\[\]_a-z~]+", re.ASCII)  # RFC 3986, without `#`
PARTS: Final = re.compile(r"(https?)://([^/?]*)(?:[/?].*)?", re.ASCII | re.IGNORECASE)
HOST: Final = re.compile(r"(?:\[([0-9a-f:.]+)\]|([0-9a-z.-]+))(?::([1-9][0-9]{0,4}))?", re.ASCII)
LABEL: Final = re.compile(r"[0-9a-z](?:[0-9a-z-]{0,61}[0-9a-z])?", re.ASCII)
NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)

# Names that mean something inside a network only; so does a name of one word.
INNER: Final = (
    *("localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home"),
    *("lan", "home.arpa"),
)

GLOBAL_6: Final = IPv6Network("2000::/3")
NAT64: Final = IPv6Network("64:ff9b::/96")
CARRIERS: Final = (
    NAT64,
    *map(IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b:1::/48")),
)


def _table(*rows: tuple[str, str]) -> tuple[tuple[Network, str], ...]:
    return tuple(
        (ip_network(network), why) for why, networks in rows for network in networks.split()
    )


# Machines' own secrets are served there; no setting allows them. Source: the documents of AWS,
# Google Cloud, Azure, Oracle, Alibaba, Scaleway and OpenStack on instance metadata.
METADATA: Final = _table(
    ("metadata", "169.254.0.0/16 168.63.129.16 100.100.100.200 192.0.0.192 fe80::a9fe:a9fe"),
    ("metadata", "fd00:ec2::/32 fd20:ce::254 fd00:42::42"),
)

# The first row that fits says why. Source: the IANA registries of special-purpose addresses.
SPECIAL: Final = _table(
    ("unspecified", "0.0.0.0/8 ::/128"),
    ("loopback", "127.0.0.0/8 ::1/128"),
    ("private", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16"),
    ("unique local", "fc00::/7"),
    ("link-local", "169.254.0.0/16 fe80::/10"),
    ("site-local", "fec0::/10"),
    ("shared", "100.64.0.0/10"),
    ("documentation", "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20"),
    ("benchmarking", "198.18.0.0/15 2001:2::/48"),
    ("multicast", "224.0.0.0/4 ff00::/8"),
    ("broadcast", "255.255.255.255/32"),
    ("mapped", "::ffff:0:0/96 ::ffff:0:0:0/96"),
    ("compatible", "::/96"),
    ("translated", "64:ff9b:1::/48"),
    ("6to4", "192.88.99.0/24 2002::/16"),
    ("tunnelled", "2001::/32"),
    ("reserved", "192.0.0.0/24 192.31.196.0/24 192.52.193.0/24 192.175.48.0/24 240.0.0.0/4"),
    ("reserved", "2001::/23 2620:4f:8000::/48"),
)


class Forbidden(Exception):  # noqa: N818 (not always a fault of ours)
    """A callback may not go there; `why` says it in a few fixed words, without the address."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Target(Record):
    """An address as it was read. `inside`: all it resolves to must be in an allowed network."""

    host: str
    port: int
    inside: bool = False


async def system_lookup(host: str, port: int) -> Sequence[str]:
    """The numeric addresses of a name, as the machine resolves it; raises `OSError`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(row[4][0]) for row in found]


class Guard:
    """Says where a callback may go.

    `allowed`: networks of the operator's own that may be told too, by http as well. `plain`: http
    may go to public addresses. `lookup` resolves a name into numeric addresses.
    """

    def __init__(
        self,
        allowed: tuple[Network, ...] = (),
        *,
        plain: bool = False,
        lookup: Lookup = system_lookup,
    ) -> None:
        self._allowed = allowed
        self._plain = plain
        self._lookup = lookup

    def target(self, url: str) -> Target:
        """Where the URL points, as far as its text tells; nothing is resolved.

        Raises `Forbidden`.
        """
        scheme, host, port = _read(url)
        number = _number(host)
        inside = (scheme == "http" and not self._plain) or (number is None and _is_inner(host))
        if inside and not self._allowed:
            raise Forbidden("refused scheme: http" if scheme == "http" else "refused name")
        if number is not None:
            self.check(number, inside=inside)
        return Target(host=host, port=port, inside=inside)

    async def addresses(self, target: Target) -> tuple[Address, ...]:
        """What the target resolves to, now: each of them fit, or none is given.

        Raises `Forbidden`, and `OSError` where there is no such name.
        """
        number = _number(target.host)
        if number is not None:
            self.check(number, inside=target.inside)
            return (number,)
        found = tuple(_parsed(text) for text in await self._lookup(target.host, target.port))
        if not found:
            raise OSError("no such name")
        for address in found:
            self.check(address, inside=target.inside)
        return tuple(dict.fromkeys(found))

    def check(self, address: Address, *, inside: bool = False) -> None:
        """Raise `Forbidden` unless the address may be connected to."""
        why = self._why_not(address, inside=inside)
        if why is not None:
            raise Forbidden(f"refused address: {why}")

    def _why_not(self, address: Address, *, inside: bool) -> str | None:
        never = _first(METADATA, address) or _first(METADATA, _embedded(address))
        if never is not None:
            return never
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            return "zone"
        if any(address in network for network in self._allowed):
            return None
        return "not an allowed network" if inside else _special(address)


def _read(url: str) -> tuple[str, str, int]:
    """Scheme, host in lower case and port of a URL that can be read in one way only."""
    if len(url) > URL_MAX or CHARACTERS.fullmatch(url) is None:
        raise Forbidden("bad url")
    parts = PARTS.fullmatch(url)
    if parts is None:
        raise Forbidden("bad url: scheme")
    scheme, authority = parts.group(1).lower(), parts.group(2).lower()
    if "@" in authority:
        raise Forbidden("bad url: user info")
    found = HOST.fullmatch(authority)
    if found is None:
        raise Forbidden("bad url: host")
    six, name, given = found.groups()
    port = int(given or PORTS[scheme])
    if port > PORT_MAX or (port < PORTS_FREE and port not in PORTS.values()):
        raise Forbidden("bad url: port")
    if name is not None:
        _check_name(name)
    elif not _is_six(six):
        raise Forbidden("bad url: host")
    return scheme, name or six, port


def _check_name(name: str) -> None:
    """Labels of a name; what a resolver could read as a number is four decimal numbers."""
    labels = name.split(".")
    if len(name) > NAME_MAX or not all(LABEL.fullmatch(label) for label in labels):
        raise Forbidden("bad url: host")
    if NUMBER.fullmatch(labels[-1]) is not None and _number(name) is None:
        raise Forbidden("bad url: host")


def _is_six(text: str) -> bool:
    return isinstance(_number(text), IPv6Address)


def _number(host: str) -> Address | None:
    """The address that is written as numbers, in its one canonical form for IPv4."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _parsed(text: str) -> Address:
    try:
        return ip_address(text)
    except ValueError as error:
        raise Forbidden("refused address: unreadable") from error


def _is_inner(name: str) -> bool:
    return "." not in name or any(name == each or name.endswith(f".{each}") for each in INNER)


def _special(address: Address) -> str | None:
    """Why it is no public address, or None."""
    if address in NAT64:  # a public IPv4 address, as a network without IPv4 reaches it
        assert isinstance(address, IPv6Address)
        return _special(_low(address))
    why = _first(SPECIAL, address)
    if why is None and isinstance(address, IPv6Address) and address not in GLOBAL_6:
        return "reserved"
    return why


def _first(table: tuple[tuple[Network, str], ...], address: Address | None) -> str | None:
    return next((why for network, why in table if address is not None and address in network), None)


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that a form of IPv6 carries, or None."""
    if isinstance(address, IPv4Address):
        return None
    if any(address in network for network in CARRIERS):
        return _low(address)
    return address.sixtofour or (address.teredo or (None, None))[1]


def _low(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFF_FFFF)
