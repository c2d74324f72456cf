"""Where a callback may go: whatever a merchant writes, only what is public or allowed is called."""

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from tests.courier.receiver import CALLBACK, LOOPBACK, Names, receiving, says

from counterfoil.courier import Forbidden, Guard
from counterfoil.courier.http import HttpCourier

pytestmark = pytest.mark.anyio

SPELLINGS, NAMES, ADDRESSES, PUBLIC = (
    [word for line in part.splitlines()[1:] for word in line.split()]
    for part in Path(__file__).with_name("hosts.txt").read_text("utf-8").split("\n\n")
)


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


async def refused(guard: Guard, url: str) -> str:
    """Why the guard lets nobody go there."""
    with pytest.raises(Forbidden) as found:
        await guard.addresses(guard.target(url))
    assert str(found.value) == found.value.why
    return found.value.why


@pytest.mark.parametrize("host", [*SPELLINGS, *NAMES, *map(bracketed, ADDRESSES)])
async def test_what_must_not_be_called_is_not(host: str) -> None:
    names = Names()
    async with receiving(says("200 OK")) as receiver:
        courier = HttpCourier(resolver=names, plain=True)
        try:
            receipts = [
                await courier.post(f"{scheme}://{host}:{receiver.port}/hook", CALLBACK)
                for scheme in ("https", "http")
            ]
        finally:
            await courier.close()
        assert receiver.callers == 0
    assert names.asked == []
    for receipt in receipts:
        assert receipt.status is None
        assert receipt.why is not None
        assert receipt.why.startswith(("bad url", "refused "))
        assert "127" not in receipt.why


@pytest.mark.parametrize("host", [*SPELLINGS, *NAMES, *map(bracketed, ADDRESSES)])
async def test_it_is_refused_by_its_text_already(host: str) -> None:
    with pytest.raises(Forbidden):
        Guard().target(f"https://{host}/hook")


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_name_that_leads_there_is_not_called_either(address: str) -> None:
    names = Names(shop_example=[["1.1.1.1", address]])
    guard = Guard(lookup=names)
    why = await refused(guard, "https://shop.example/hook")
    assert why.startswith("refused address: ")
    assert address not in why
    assert names.asked == ["shop.example"]


@pytest.mark.parametrize("address", PUBLIC)
async def test_what_is_public_may_be_called(address: str) -> None:
    names = Names(shop_example=[[address, "1.0.0.1", address]])
    guard = Guard(lookup=names)
    found = await guard.addresses(guard.target("https://shop.example/hook"))
    assert found == (ip_address(address), ip_address("1.0.0.1"))
    plain = guard.target(f"https://{bracketed(address)}/")
    assert await guard.addresses(plain) == (ip_address(address),)
    assert names.asked == ["shop.example"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "bad url"),
        ("hook", "bad url: scheme"),
        ("//shop.example/", "bad url: scheme"),
        ("ftp://shop.example/", "bad url: scheme"),
        ("file:///etc/passwd", "bad url: scheme"),
        ("gopher://shop.example/", "bad url: scheme"),
        ("javascript:alert(1)", "bad url: scheme"),
        ("https:/shop.example/", "bad url: scheme"),
        ("https:shop.example", "bad url: scheme"),
        ("https://", "bad url: host"),
        ("https:///hook", "bad url: host"),
        ("https://user@shop.example/", "bad url: user info"),
        ("https://user:word@shop.example/", "bad url: user info"),
        ("https://shop.example:0/", "bad url: host"),
        ("https://shop.example:/", "bad url: host"),
        ("https://shop.example:65536/", "bad url: port"),
        ("https://shop.example:99999/", "bad url: port"),
        ("https://shop.example:22/", "bad url: port"),
        ("https://shop.example:25/", "bad url: port"),
        ("https://shop.example:-1/", "bad url: host"),
        ("https://shop.example:\uff14\uff14\uff13/", "bad url"),
        ("https://shop.example/\r\nX: 1", "bad url"),
        ("https://shop.example/a b", "bad url"),
        (" https://shop.example/", "bad url"),
        ("https://shop.example/\x00", "bad url"),
        ("https://shop.example/#part", "bad url"),
        ("https://shop.example\\hook", "bad url"),
        ("https://shop.example/é", "bad url"),
        (f"https://shop.example/{'a' * 2048}", "bad url"),
        (f"https://{'a' * 64}.example/", "bad url: host"),
        (f"https://{'a.' * 130}example/", "bad url: host"),
        ("http://shop.example/", "refused scheme: http"),
        ("https://localhost/", "refused name"),
        ("https://10.0.0.1/", "refused address: private"),
        ("https://[fe80::1]/", "refused address: link-local"),
        ("https://169.254.169.254/", "refused address: metadata"),
    ],
)
async def test_why_is_said_in_a_few_words(url: str, why: str) -> None:
    assert await refused(Guard(lookup=Names()), url) == why


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://shop.example", "shop.example", 443),
        ("HTTPS://Shop.Example:443?a=%20", "shop.example", 443),
        ("https://xn--bcher-kva.example:8443/a//b/../c?d=e/f", "xn--bcher-kva.example", 8443),
        ("https://shop.example:80/", "shop.example", 80),
        ("https://1e100.example/", "1e100.example", 443),
        ("https://[2606:4700::1]:1024/", "2606:4700::1", 1024),
    ],
)
async def test_a_plain_address_is_read(url: str, host: str, port: int) -> None:
    target = Guard().target(url)
    assert (target.host, target.port, target.inside) == (host, port, False)


async def test_http_goes_to_allowed_networks_only() -> None:
    names = Names(shop_example=[["1.1.1.1"]], inner_example=[["127.0.0.1"]])
    guard = Guard(LOOPBACK, lookup=names)
    why = "refused address: not an allowed network"
    assert await refused(guard, "http://shop.example/") == why
    assert await refused(guard, "http://1.1.1.1/") == why
    target = guard.target("http://inner.example:9000/")
    assert await guard.addresses(target) == (ip_address("127.0.0.1"),)


async def test_http_may_be_let_go_anywhere() -> None:
    names = Names(shop_example=[["1.1.1.1"]])
    guard = Guard(plain=True, lookup=names)
    assert await guard.addresses(guard.target("http://shop.example/")) == (ip_address("1.1.1.1"),)
    assert await refused(guard, "http://10.0.0.1/") == "refused address: private"


async def test_a_name_of_the_network_leads_into_an_allowed_one_or_nowhere() -> None:
    names = Names(localhost=[["127.0.0.1"], ["1.1.1.1"], ["127.0.0.1", "10.0.0.1"]])
    guard = Guard(LOOPBACK, lookup=names)
    target = guard.target("http://localhost:9000/hook")
    assert await guard.addresses(target) == (ip_address("127.0.0.1"),)
    for _ in range(2):
        why = await refused(guard, "http://localhost:9000/hook")
        assert why == "refused address: not an allowed network"


async def test_what_is_allowed_is_no_more_than_that() -> None:
    guard = Guard((*LOOPBACK, ip_network("10.1.0.0/16")), lookup=Names())
    assert await guard.addresses(guard.target("https://10.1.2.3/"))
    assert await refused(guard, "https://10.2.0.1/") == "refused address: private"
    assert await refused(guard, "https://[::1]/") == "refused address: loopback"
    assert await refused(guard, "https://[::ffff:127.0.0.1]/") == "refused address: mapped"


@pytest.mark.parametrize(
    "host",
    [
        *("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192"),
        *("[fd00:ec2::254]", "[fe80::a9fe:a9fe]", "[::ffff:169.254.169.254]", "[::a9fe:a9fe]"),
        *("[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "[2001:0:1:2:3:4:5601:5601]"),
    ],
)
async def test_no_setting_allows_what_machines_keep_their_secrets_at(host: str) -> None:
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    guard = Guard(everything, plain=True, lookup=Names())
    assert await refused(guard, f"http://{host}/") == "refused address: metadata"


@pytest.mark.parametrize("answer", ["fe80::1%eth0", "2606:4700::1%lo", "", "localhost", "127.1"])
async def test_a_resolver_is_not_trusted(answer: str) -> None:
    guard = Guard(lookup=Names(shop_example=[[answer]]))
    assert (await refused(guard, "https://shop.example/")).startswith("refused address: ")


async def test_a_name_without_addresses_is_no_name() -> None:
    guard = Guard(lookup=Names(shop_example=[[]]))
    with pytest.raises(OSError, match="no such name"):
        await guard.addresses(guard.target("https://shop.example/"))
