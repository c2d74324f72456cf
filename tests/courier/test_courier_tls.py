"""Who answers must prove the name that was asked for, whatever address it has."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.courier.receiver import CALLBACK, Names, couriering, receiving, says

from counterfoil.core.callbacks import Receipt

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
NAMES = {"shop_example": [["127.0.0.1"]], "other_example": [["127.0.0.1"]]}


def certificate(folder: Path, *names: str, days: int = 1) -> Path:
    """A certificate of its own making for those names and loopback, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    ends = datetime.now(UTC) + days * DAY
    shown = [*map(x509.DNSName, names), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - 10 * DAY)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName(shown), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{names[0]}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


async def posted(server: Path, trusted: Path | None, host: str) -> tuple[Receipt, int]:
    """What comes of a post to a server with that certificate, and how many posts it has read."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(server)
    trust = None if trusted is None else ssl.create_default_context(cafile=str(trusted))
    async with (
        receiving(says("200 OK"), tls) as receiver,
        couriering(names=Names(**NAMES), tls=trust) as courier,
    ):
        receipt = await courier.post(f"https://{host}:{receiver.port}/", CALLBACK)
        return receipt, len(receiver.bodies)


async def test_a_proven_name_is_told(tmp_path: Path) -> None:
    path = certificate(tmp_path, "shop.example")
    for host in ("shop.example", "127.0.0.1"):
        receipt, read = await posted(path, path, host)
        assert (receipt.status, receipt.why, read) == (200, None, 1)


async def test_another_name_is_told_nothing(tmp_path: Path) -> None:
    path = certificate(tmp_path, "shop.example")
    receipt, read = await posted(path, path, "other.example")
    assert (receipt.status, receipt.why, read) == (None, "tls", 0)


async def test_an_authority_that_nobody_knows_is_told_nothing(tmp_path: Path) -> None:
    path = certificate(tmp_path, "shop.example")
    other = certificate(tmp_path, "other.example")
    for trusted in (None, other):
        receipt, read = await posted(path, trusted, "shop.example")
        assert (receipt.status, receipt.why, read) == (None, "tls", 0)


async def test_a_certificate_that_has_run_out_is_told_nothing(tmp_path: Path) -> None:
    path = certificate(tmp_path, "shop.example", days=-1)
    receipt, read = await posted(path, path, "shop.example")
    assert (receipt.status, receipt.why, read) == (None, "tls", 0)


async def test_what_speaks_no_tls_is_told_nothing() -> None:
    read: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Speak plainly\r\n\r\n")
        read.append(await reader.read(1000))
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with couriering() as courier:
        receipt = await courier.post(f"https://127.0.0.1:{port}/", CALLBACK)
    server.close()
    await server.wait_closed()
    assert (receipt.status, receipt.why) == (None, "tls")
    assert CALLBACK.body not in b"".join(read)
