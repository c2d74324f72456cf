"""The messages of 3-D Secure 1 that pass through a browser: PaReq and PaRes.

XML, in a zlib stream, in base64. A document type is refused before anything of it is read, so no
entity is ever expanded, and a stream that unpacks to more than 64 KiB is refused. A PaRes is signed
by whoever the directory trusts; only the signed element is read.
Source: Visa, 3-D Secure Protocol Specification: Core Functions 1.0.2, section on PAReq and PARes;
RFC 1950.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape

PLAIN_MAX: Final = 64 * 1024
PACKED_MAX: Final = 64 * 1024
ALPHABET: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)
HEAD: Final = b'<ThreeDSecure><Message id="PARes">'
TAIL: Final = b"</Message></ThreeDSecure>"
SIGNED: Final = re.compile(
    HEAD + rb'(<PARes id="PARes">.*</PARes>)<Signature>([^<]+)</Signature>' + TAIL, re.DOTALL
)
Leaves = Mapping[str, str]


class PayerError(Exception):
    """It is no such message; the text says why, and never repeats what was given."""


def pack(xml: bytes) -> str:
    """A message as a form carries it."""
    return base64.b64encode(zlib.compress(xml, 9)).decode()


def unpack(text: str) -> bytes:
    """The XML in it; line breaks, and blanks where a form lost its `+`, are taken.

    Raises `PayerError`.
    """
    plain = re.sub(r"[\r\n]", "", text).replace(" ", "+")
    if len(plain) > PACKED_MAX or ALPHABET.fullmatch(plain) is None:
        raise PayerError("not base64")
    stream = zlib.decompressobj()
    try:
        packed = base64.b64decode(plain, validate=True)
        xml = stream.decompress(packed, PLAIN_MAX)
    except (binascii.Error, zlib.error) as error:
        raise PayerError("not a zlib stream") from error
    if not stream.eof or stream.unused_data or base64.b64encode(packed).decode() != plain:
        raise PayerError("too long, cut short, or more than one stream")
    return xml


def element(name: str, content: "Mapping[str, object]", attributes: str = "") -> str:
    """An element with those inside it, in their order; texts are escaped."""
    inner = ""
    for each, value in content.items():
        if isinstance(value, Mapping):
            inner += element(each, value)
        else:
            inner += f"<{each}>{escape(str(value))}</{each}>"
    return f"<{name}{attributes}>{inner}</{name}>"


def request(content: Mapping[str, object]) -> str:
    """A PaReq, ready for its form."""
    inner = element("PAReq", content)
    xml = f'<ThreeDSecure><Message id="PAReq">{inner}</Message></ThreeDSecure>'
    return pack(xml.encode())


def response(content: Mapping[str, object]) -> bytes:
    """A PARes element: what is signed."""
    return element("PARes", content, ' id="PARes"').encode()


def sealed(signed: bytes, signature: str) -> str:
    """A PaRes, ready for its form."""
    mark = f"<Signature>{escape(signature)}</Signature>".encode()
    return pack(HEAD + signed + mark + TAIL)


def opened(text: str) -> tuple[bytes, str]:
    """The signed element of a PaRes, byte for byte, and its signature; raises `PayerError`.

    There is one of each, or it is refused: nothing can be wrapped around or put beside what counts.
    """
    xml = unpack(text)
    found = SIGNED.fullmatch(xml)
    if found is None or xml.count(b"<PARes") != 1 or xml.count(b"<Signature") != 1:
        raise PayerError("not one signed PARes")
    return found.group(1), found.group(2).decode("ascii", "replace")


def leaves(xml: bytes) -> dict[str, str]:
    """Every text in an XML document by its path, such as `PARes/TX/status`.

    Raises `PayerError`, also where two elements share a path.
    """
    found: dict[str, str] = {}
    path: list[str] = []
    texts: list[str] = []

    def start(name: str, _: object) -> None:
        path.append(name)
        texts.append("")

    def data(text: str) -> None:
        if texts:
            texts[-1] += text

    def end(_: str) -> None:
        place, text = "/".join(path), texts.pop()
        path.pop()
        if place in found:
            raise PayerError("an element stands twice")
        found[place] = text

    def doctype(*_: object) -> None:
        raise PayerError("a document type is not taken")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = data, doctype
    try:
        parser.Parse(xml, True)  # noqa: FBT003 (the C function takes no name)
    except expat.ExpatError as error:
        raise PayerError("not XML") from error
    return found


def read_request(text: str) -> dict[str, str]:
    """What a PaReq says, by path below `PAReq`; raises `PayerError`."""
    root = "ThreeDSecure/Message/PAReq/"
    found = leaves(unpack(text))
    inner = {place.removeprefix(root): value for place, value in found.items() if root in place}
    if not inner:
        raise PayerError("not a PAReq")
    return inner
