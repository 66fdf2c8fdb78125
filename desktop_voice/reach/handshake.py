"""The TLS handshake with the public name: who is there, and what certificate is shown."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import NoReturn

from desktop_voice.reach import failures
from desktop_voice.reach.public_name import Place, PublicName

_CONNECT_S = 3.0
_HANDSHAKE_S = 5.0
# OpenSSL's X509_V_ERR_ numbers, which the ssl module gives no names to.
_NOT_YET_VALID = 9
_EXPIRED = 10
_OTHER_NAME = (62, 64)
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_TOO_SMALL")


async def shake_hands(name: PublicName, places: Sequence[Place], trust: ssl.SSLContext) -> str:
    """Connect as a carrier would; return the day on which the certificate ends, or nothing.

    Raises:
        ReachError: Nobody takes the connection, or the certificate is not good for the name.
    """
    for place in places:
        try:
            async with asyncio.timeout(_CONNECT_S):
                _, writer = await asyncio.open_connection(place.address, place.port)
        except (OSError, TimeoutError):
            continue
        try:
            await writer.start_tls(
                trust, server_hostname=name.host, ssl_handshake_timeout=_HANDSHAKE_S
            )
            return _end(writer.get_extra_info("peercert"))
        except ssl.SSLError as error:
            _explain(error, name.host)
        except OSError:
            raise failures.handshake_refused(name.host) from None
        finally:
            writer.transport.abort()
    raise failures.no_connection(name.host)


def _explain(error: ssl.SSLError, host: str) -> NoReturn:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code == _EXPIRED:
            raise failures.expired_certificate(host) from None
        if error.verify_code == _NOT_YET_VALID:
            raise failures.early_certificate(host) from None
        if error.verify_code in _OTHER_NAME:
            raise failures.wrong_certificate(host) from None
        raise failures.untrusted_certificate(host) from None
    if error.reason in _NOT_TLS:
        raise failures.no_tls(host) from None
    raise failures.handshake_refused(host) from None


def _end(certificate: object) -> str:
    """Return the day out of ``Nov 21 00:05:28 2026 GMT``."""
    words = str(certificate.get("notAfter", "")).split() if isinstance(certificate, dict) else []
    return f"{words[1]} {words[0]} {words[3]}" if len(words) == 5 else ""
