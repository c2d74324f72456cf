"""Signed answers: the deployment's key where it rests, and the process that signs with it.

The key is made once, sealed by the vault and kept beside orders; nobody but this package asks for
it. Whoever wants to check our tokens gets its public half. What waits is signed in batches, so that
many callers cost the serving process little more than one.
"""

import asyncio
import atexit
import sys
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from subprocess import PIPE, Popen
from threading import Lock, Thread
from typing import IO, Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from joserfc.jwk import RSAKey

from counterfoil.core.card import SealedSecret, Secret
from counterfoil.core.keeping import NOBODY, SEALED, Kept
from counterfoil.core.ports import Clock, Store, Vault
from counterfoil.dialects.payfunc import signer

BITS: Final = 2048
EXPONENT: Final = 65_537
NUMBER: Final = 1
OWNER: Final = (NOBODY, NUMBER)
BATCH_BYTES: Final = 32 * 1024  # less than a pipe holds, so that neither side waits for the other
Job = tuple[str, bytes, "asyncio.Future[str]"]


class Press:
    """The process that signs, and the thread that speaks to it; one for each serving process."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Job] = SimpleQueue()
        self._lock = Lock()
        self._thread: Thread | None = None
        self._child: Popen[bytes] | None = None
        self._keys: dict[str, int] = {}

    def sign(self, key: str, claims: bytes) -> "asyncio.Future[str]":
        """The claims as a token, by that private key (PEM)."""
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="payfunc-signing", daemon=True)
                self._thread.start()
                atexit.register(self.close)
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._queue.put((key, claims, future))
        return future

    def close(self) -> None:
        """Let the process end, and wait for it."""
        child, self._child = self._child, None
        self._keys = {}
        if child is not None:
            child.communicate()

    def _run(self) -> None:
        while True:
            batch = self._batch()
            try:
                tokens = self._signed(batch)
            except OSError:  # it was killed: the next one does it
                self.close()
                tokens = self._signed(batch)
            for (_, _, future), token in zip(batch, tokens, strict=True):
                future.get_loop().call_soon_threadsafe(_settle, future, token)

    def _batch(self) -> list[Job]:
        batch = [self._queue.get()]
        size = len(batch[0][1])
        while not self._queue.empty() and size < BATCH_BYTES:
            batch.append(self._queue.get())
            size += len(batch[-1][1])
        return batch

    def _signed(self, batch: Sequence[Job]) -> list[str]:
        """Every job's token; raises `OSError` where the process has gone."""
        child = self._running()
        assert child.stdin is not None
        assert child.stdout is not None
        for key, _, _ in batch:
            if key not in self._keys:
                self._keys[key] = len(self._keys)
                child.stdin.write(signer.FRAME.pack(b"K", 0, len(key)) + key.encode())
        for key, claims, _ in batch:
            child.stdin.write(signer.FRAME.pack(b"S", self._keys[key], len(claims)) + claims)
        child.stdin.flush()
        return [_token(child.stdout) for _ in batch]

    def _running(self) -> "Popen[bytes]":
        if self._child is None:
            program = [sys.executable, "-P", str(Path(signer.__file__))]
            self._child = Popen(program, stdin=PIPE, stdout=PIPE)  # noqa: S603 (our own program)
        return self._child


def _token(answers: IO[bytes]) -> str:
    head = answers.read(signer.LENGTH.size)
    if len(head) < signer.LENGTH.size:
        raise BrokenPipeError
    return answers.read(signer.LENGTH.unpack(head)[0]).decode()


def _settle(future: "asyncio.Future[str]", token: str) -> None:
    if not future.done():
        future.set_result(token)


PRESS: Final = Press()


class Key(NamedTuple):
    """The deployment's key: private as PEM, and as one that checks."""

    pem: str
    public: RSAKey

    @property
    def public_pem(self) -> str:
        """The public half, as PEM (SubjectPublicKeyInfo)."""
        return self.public.as_pem(private=False).decode()

    @property
    def jwks(self) -> bytes:
        """The public half as a JWK set. Source: RFC 7517."""
        shown = self.public.as_dict(private=False)
        shown |= {"alg": "RS256", "use": "sig", "kid": self.public.thumbprint()}
        return msgspec.json.encode({"keys": [shown]}, order="sorted")


class Signing:
    """Tokens by the deployment's key, which is made when it is first needed."""

    def __init__(self, store: Store, vault: Vault, clock: Clock) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._key: Key | None = None

    async def key(self) -> Key:
        """The key; of two processes that make one at once the second takes the first's."""
        if self._key is None:
            text = await self._store.kept(NOBODY, SEALED, NUMBER)
            if text is None:
                made = await asyncio.to_thread(new_key)
                sealed = self._vault.seal_secret(OWNER, Secret(made), self._clock.now())
                body = msgspec.json.encode(sealed).decode()
                await self._store.keep(Kept(merchant=NOBODY, kind=SEALED, id=NUMBER, body=body))
                text = await self._store.kept(NOBODY, SEALED, NUMBER)
                assert text is not None
            rests = msgspec.json.decode(text, type=SealedSecret)
            pem = self._vault.open_secret(OWNER, rests).reveal()
            self._key = Key(pem, RSAKey.import_key(pem))
        return self._key

    async def token(self, claims: bytes) -> str:
        """The claims (JSON), signed."""
        return await PRESS.sign((await self.key()).pem, claims)


def new_key() -> str:
    """A private key, as PEM."""
    key = rsa.generate_private_key(EXPONENT, BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
