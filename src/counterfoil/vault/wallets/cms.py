"""A detached CMS signature by a leaf certificate that leads over an intermediate to a given root.

Everything that a signer could leave open is closed: one signer, SHA-256, the three signed
attributes once each, nothing signed inside. Sources: RFC 5652, sections 5.3 to 5.6; Apple, "Payment
token format reference", for the two extensions that mark its certificates.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Final, NamedTuple, NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from counterfoil.core.wallets import Reason, TokenError
from counterfoil.vault.wallets import ber
from counterfoil.vault.wallets.ber import BerError, Element, element

LEAF: Final = x509.ObjectIdentifier("1.2.840.113635.100.6.29")
INTERMEDIATE: Final = x509.ObjectIdentifier("1.2.840.113635.100.6.2.14")

SIGNED_DATA: Final = bytes.fromhex("2a864886f70d010702")
CONTENT_TYPE: Final = bytes.fromhex("2a864886f70d010903")
MESSAGE_DIGEST: Final = bytes.fromhex("2a864886f70d010904")
SIGNING_TIME: Final = bytes.fromhex("2a864886f70d010905")
DATA: Final = bytes.fromhex("2a864886f70d010701")
SHA_256: Final = bytes.fromhex("608648016503040201")
ECDSA: Final = frozenset({bytes.fromhex("2a8648ce3d040302")})
RSA: Final = frozenset({bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d01010b")})
TIME_FORMS: Final[Mapping[int, str]] = {
    ber.UTC_TIME: "%y%m%d%H%M%SZ",
    ber.GENERALIZED_TIME: "%Y%m%d%H%M%SZ",
}
CERTIFICATES_MAX: Final = 8
# What is wrong in the bytes of a certificate is found when that part of it is looked at.
FAULTS: Final = (
    BerError,
    ValueError,
    IndexError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


class Signed(NamedTuple):
    """A signature, taken apart and not yet verified."""

    certificates: tuple[x509.Certificate, ...]
    issuer: bytes
    serial: int
    attributes: bytes
    digest: bytes
    signed_at: datetime
    algorithm: bytes
    signature: bytes


def verify(signature: bytes, content: bytes, roots: Iterable[x509.Certificate]) -> datetime:
    """When the content was signed (UTC), after everything that can be verified was.

    Raises `TokenError`: MALFORMED, SIGNER, CHAIN, KEY_EXPIRED, DIGEST or SIGNATURE.
    """
    try:
        return _verified(_read(signature), content, roots)
    except FAULTS:
        raise TokenError(Reason.MALFORMED) from None


def _verified(signed: Signed, content: bytes, roots: Iterable[x509.Certificate]) -> datetime:
    leaf = _marked(signed.certificates, LEAF)
    intermediate = _marked(signed.certificates, INTERMEDIATE)
    if leaf.issuer.public_bytes() != signed.issuer or leaf.serial_number != signed.serial:
        raise TokenError(Reason.SIGNER)
    _chain(leaf, intermediate, roots, signed.signed_at)
    if not compare_digest(sha256(content).digest(), signed.digest):
        raise TokenError(Reason.DIGEST)
    _check(leaf, signed)
    return signed.signed_at


def _read(encoded: bytes) -> Signed:
    kind, explicit = element(encoded).inner()
    if kind.content != SIGNED_DATA or explicit.tag != ber.CONTEXT_0:
        raise BerError
    (signed_data,) = explicit.inner()
    _, _, inside, certificates, *rest = signed_data.inner()
    signers = rest[-1]
    (inside_kind,) = inside.inner()  # a second element would be content inside: not detached
    if inside_kind.content != DATA or certificates.tag != ber.CONTEXT_0:
        raise BerError
    found = certificates.inner()
    (signer,) = signers.inner()
    if len(found) > CERTIFICATES_MAX or signers.tag != ber.SET:
        raise BerError
    _, name, digest_kind, attributes, algorithm, signature, *_ = signer.inner()
    issuer, serial = name.inner()
    if digest_kind.inner()[0].content != SHA_256 or attributes.tag != ber.CONTEXT_0:
        raise BerError
    digest, signed_at = _attributes(attributes)
    return Signed(
        certificates=tuple(x509.load_der_x509_certificate(each.raw) for each in found),
        issuer=issuer.raw,
        serial=int.from_bytes(serial.content, signed=True),
        attributes=b"\x31" + attributes.raw[1:],  # signed as a SET OF: RFC 5652, section 5.4
        digest=digest,
        signed_at=signed_at,
        algorithm=algorithm.inner()[0].content,
        signature=signature.octets(),
    )


def _attributes(signed: Element) -> tuple[bytes, datetime]:
    """The message digest and the signing time; each attribute stands once, with one value."""
    found: dict[bytes, Element] = {}
    for attribute in signed.inner():
        kind, values = attribute.inner()
        (value,) = values.inner()
        if kind.content in found or not signed.definite:
            raise BerError
        found[kind.content] = value
    if not found.keys() >= {CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME}:
        raise BerError
    if found[CONTENT_TYPE].content != DATA:
        raise BerError
    time = found[SIGNING_TIME]
    form = TIME_FORMS.get(time.tag, "")
    signed_at = datetime.strptime(time.content.decode("ascii"), form).replace(tzinfo=UTC)
    return found[MESSAGE_DIGEST].octets(), signed_at


def _marked(
    certificates: Iterable[x509.Certificate], mark: x509.ObjectIdentifier
) -> x509.Certificate:
    """The one certificate with that extension; its value does not matter."""
    found = [
        certificate
        for certificate in certificates
        if any(each.oid == mark for each in certificate.extensions)
    ]
    if len(found) != 1:
        raise TokenError(Reason.SIGNER)
    return found[0]


def _chain(
    leaf: x509.Certificate,
    intermediate: x509.Certificate,
    roots: Iterable[x509.Certificate],
    at: datetime,
) -> None:
    """Leaf, intermediate, root: each issued by the next, each in force at that time."""
    if not _authority(intermediate) or not _issued(leaf, intermediate):
        raise TokenError(Reason.CHAIN)
    for root in roots:
        if not _issued(intermediate, root):
            continue
        for each in (leaf, intermediate, root):
            if not each.not_valid_before_utc <= at <= each.not_valid_after_utc:
                raise TokenError(Reason.KEY_EXPIRED)
        return
    raise TokenError(Reason.CHAIN)


def _authority(certificate: x509.Certificate) -> bool:
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return basic.value.ca


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _check(leaf: x509.Certificate, signed: Signed) -> None:
    """Verify the signature over the signed attributes."""
    key = leaf.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and signed.algorithm in ECDSA:
            key.verify(signed.signature, signed.attributes, ec.ECDSA(SHA256()))
        elif isinstance(key, rsa.RSAPublicKey) and signed.algorithm in RSA:
            key.verify(signed.signature, signed.attributes, padding.PKCS1v15(), SHA256())
        else:
            _wrong()
    except InvalidSignature:
        _wrong()


def _wrong() -> NoReturn:
    raise TokenError(Reason.SIGNATURE) from None
