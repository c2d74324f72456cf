"""A PostgreSQL that speaks TLS: what the address says of it is done."""

import os
from collections.abc import Iterator
from pathlib import Path
from shutil import copy

import pytest
from tests.cluster import FAST
from tests.courier.test_courier_tls import certificate

from counterfoil.bench.cluster import Cluster
from counterfoil.store.migrate import StoreError
from counterfoil.store.postgres import open_store

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for loopback, which is its own authority."""
    return certificate(tmp_path_factory.mktemp("tls"), "db.example")


@pytest.fixture(scope="module")
def server(proof: Path) -> Iterator[Cluster]:
    """A server with that certificate, which lets nobody in without TLS."""
    cluster = Cluster(*FAST)
    held = Path(copy(proof, cluster.folder / "cluster" / "proof.pem"))
    owner = cluster.folder.stat()
    os.chown(held, owner.st_uid, owner.st_gid)
    held.chmod(0o600)
    cluster.stop()
    (cluster.folder / "cluster" / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust\n")
    cluster._settings += ("ssl=on", "ssl_cert_file=proof.pem", "ssl_key_file=proof.pem")
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.mark.parametrize("more", ["sslmode=require", "sslmode=verify-full&sslrootcert={proof}"])
async def test_a_connection_is_sealed_as_the_address_says(
    server: Cluster, proof: Path, more: str
) -> None:
    store = await open_store(f"{server.url()}?{more.format(proof=proof)}")
    try:
        sealed = await store._link.fetch("SELECT bool_and(ssl) FROM pg_stat_ssl", ())
        assert sealed[0][0]
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("db.example", "sslmode=disable"),
        ("other.example", "sslmode=verify-full&sslrootcert={proof}"),
    ],
    ids=["in the clear", "of another authority"],
)
async def test_a_server_that_cannot_be_trusted_is_not_used(
    server: Cluster, tmp_path: Path, name: str, more: str
) -> None:
    other = certificate(tmp_path, name)
    with pytest.raises(StoreError):
        await open_store(f"{server.url()}?{more.format(proof=other)}")
