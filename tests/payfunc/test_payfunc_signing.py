"""The processes that sign for the PayFunc wire: many at once, killed, asked by one loop or more."""

import asyncio
import signal
from hashlib import sha256
from subprocess import Popen

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt
from joserfc.jwk import RSAKey

from counterfoil.dialects.payfunc.press import HELD_MAX, SIGNERS_MAX, Press
from counterfoil.dialects.payfunc.signing import new_key, signed

KEY = new_key()
OTHER = new_key()


def right(signature: bytes, text: bytes, key: str = KEY) -> None:
    """Fail unless it is that key's signature of the text."""
    public = load_pem_private_key(key.encode(), None).public_key()
    public.verify(signature, text, PKCS1v15(), SHA256())  # type: ignore[union-attr,call-arg,arg-type]


def digest(text: bytes) -> bytes:
    return sha256(text).digest()


@pytest.fixture
def press() -> Press:
    """Processes of the test's own."""
    return Press()


async def asked(press: Press, texts: list[bytes], *keys: str) -> None:
    """Have them all signed at once, by the keys in turn, and checked."""
    signatures = await asyncio.gather(
        *(press.sign(keys[at % len(keys)], digest(text)) for at, text in enumerate(texts))
    )
    for at, (text, signature) in enumerate(zip(texts, signatures, strict=True)):
        right(signature, text, keys[at % len(keys)])


def processes(press: Press) -> list[Popen[bytes]]:
    return [each.process for each in press._signers]


@pytest.mark.anyio
async def test_many_at_once_get_each_their_own(press: Press) -> None:
    texts = [f"text {each}".encode() for each in range(3 * HELD_MAX * SIGNERS_MAX)]
    await asked(press, texts, KEY, OTHER)
    assert len(processes(press)) == SIGNERS_MAX
    press.close()


@pytest.mark.anyio
async def test_where_there_is_room_for_one_process_it_signs_all() -> None:
    press = Press(1)
    texts = [f"text {each}".encode() for each in range(3 * HELD_MAX)]
    await asked(press, texts, KEY, OTHER)
    assert len(processes(press)) == 1
    press.close()


@pytest.mark.anyio
async def test_one_after_the_other_needs_one_process(press: Press) -> None:
    for each in range(3):
        await asked(press, [b"%d" % each], KEY)
    assert len(processes(press)) == 1
    press.close()


@pytest.mark.anyio
async def test_what_a_killed_process_was_at_another_does(press: Press) -> None:
    await asked(press, [b"first"], KEY)
    killed = processes(press)[0]
    killed.send_signal(signal.SIGSTOP)
    waiting = [asyncio.ensure_future(press.sign(KEY, digest(b"%d" % each))) for each in range(3)]
    await asyncio.sleep(0)
    killed.kill()
    for each, signature in enumerate(await asyncio.gather(*waiting)):
        right(signature, b"%d" % each)
    assert killed not in processes(press)
    press.close()


@pytest.mark.anyio
async def test_who_has_gone_takes_no_answer_from_another(press: Press) -> None:
    gone = asyncio.ensure_future(press.sign(KEY, digest(b"gone")))
    await asyncio.sleep(0)
    gone.cancel()
    await asked(press, [b"stayed"], KEY)
    press.close()


def test_another_loop_goes_on(press: Press) -> None:
    async def left() -> None:
        press.sign(KEY, digest(b"nobody waits"))
        await asyncio.sleep(0)

    asyncio.run(left())
    asyncio.run(asked(press, [b"a", b"b"], KEY))
    press.close()


@pytest.mark.anyio
async def test_a_token_is_what_others_read() -> None:
    token = await signed(b'{"a":1.10}', KEY)
    read = jwt.decode(token, RSAKey.import_key(KEY), algorithms=["RS256"])
    assert (read.header, read.claims) == ({"alg": "RS256", "typ": "JWT"}, {"a": 1.1})
