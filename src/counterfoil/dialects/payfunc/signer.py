"""A process of its own that signs, so that signing takes nothing from serving.

An RSA signature holds Python's lock all the time it takes: in a thread it would stand in the way of
every other request. This file is run as a program and imports nothing of ours. It reads frames on
standard input: `K` and a private key (PEM), which gets the next number from 0 on; `S`, a number and
a SHA-256 digest, which are answered with the bare signature. What waits is answered together, so
that what follows of it goes into one commit. It ends when its input ends, and by no signal: whoever
started it may be told to stop while answers are still to be signed.
"""

import os
import signal
import sys
from contextlib import suppress
from struct import Struct
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

FRAME: Final = Struct(">cII")  # kind, number of the key, length of what follows
READ_MAX: Final = 32 * (FRAME.size + 32)  # bytes: so many digests are signed, and told, at a time


def serve(asked: int, answers: BinaryIO) -> None:
    """Answer what comes until no more does. Source: RFC 7518, section 3.3 (RS256)."""
    keys: list[RSAPrivateKey] = []
    padding, hashed = PKCS1v15(), Prehashed(SHA256())
    came = b""
    while more := os.read(asked, READ_MAX):
        came += more
        while len(came) >= FRAME.size:
            kind, number, length = FRAME.unpack_from(came)
            text, rest = came[FRAME.size : FRAME.size + length], came[FRAME.size + length :]
            if len(text) < length:
                break
            if kind == b"K":
                key = load_pem_private_key(text, None)
                assert isinstance(key, RSAPrivateKey)
                keys.append(key)
            else:
                answers.write(keys[number].sign(text, padding, hashed))
            came = rest
        answers.flush()


if __name__ == "__main__":
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    if hasattr(os, "SCHED_BATCH"):  # it drives nobody off a processor when it is woken
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with suppress(BrokenPipeError, ConnectionResetError):  # nobody waits for it any more
        serve(sys.stdin.fileno(), sys.stdout.buffer)
