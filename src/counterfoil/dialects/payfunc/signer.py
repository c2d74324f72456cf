"""A process of its own that signs, so that signing takes nothing from serving.

An RSA signature takes half a millisecond or more, and holds Python's lock all that time: in a
thread it would stand in the way of every other request. This file is run as a program and imports
nothing of ours. It reads frames on standard input: `K` and a private key (PEM), which gets the next
number from 0 on; `S`, a number and claims, which are answered with a token. It ends when its input
ends, and by no signal: whoever started it may be told to stop while answers are still to be signed.
"""

import signal
import sys
from struct import Struct
from typing import BinaryIO, Final

from joserfc import jws
from joserfc.jwk import RSAKey

FRAME: Final = Struct(">cII")  # kind, key, length of what follows
LENGTH: Final = Struct(">I")
HEADER: Final = {"alg": "RS256", "typ": "JWT"}


def token(claims: bytes, key: RSAKey) -> bytes:
    """The claims, signed. Source: RFC 7515 and RFC 7518, section 3.3."""
    return jws.serialize_compact(dict(HEADER), claims, key).encode()


def serve(asked: BinaryIO, answers: BinaryIO) -> None:
    """Answer frame by frame until there are no more."""
    keys: list[RSAKey] = []
    while len(head := asked.read(FRAME.size)) == FRAME.size:
        kind, number, length = FRAME.unpack(head)
        text = asked.read(length)
        if kind == b"K":
            keys.append(RSAKey.import_key(text.decode()))
        else:
            signed = token(text, keys[number])
            answers.write(LENGTH.pack(len(signed)) + signed)
            answers.flush()


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    serve(sys.stdin.buffer, sys.stdout.buffer)
