"""A request to somebody's receiver: signed as Standard Webhooks 1.0.0 has it (https://www.standardwebhooks.com), never to where it
may not go, and within limits of time and size, whatever the receiver does.

No proxy of the environment is used and no redirect followed. The certificate is checked against the host's name.
"""

import hmac
import http.client
import secrets
import socket
import ssl
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from dispatch import networks
from dispatch.models import Delivery

READ_SECONDS = 15  # between two bytes of the answer; Standard Webhooks recommends 15 to 30
WHOLE_SECONDS = 20  # for all of it
MOST_READ = 16_384  # bytes of an answer, of which nothing is kept
LONGEST_ADDRESS = 500
LONGEST_REST = 60 * 60  # seconds that a receiver may ask us to stay away

Trouble = Delivery.Trouble


@dataclass(frozen=True)
class Answer:
    """What came of one request. `trouble` is empty when it was accepted."""

    trouble: str = ""
    status: int | None = None
    retry_after: int = 0  # seconds


class NoAddress(ValueError):
    """This cannot be an address to send to."""


def new_secret() -> str:
    """256 random bits, written as Standard Webhooks has them."""
    return f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"


def signed(message_id: str, body: bytes, *, keys: Collection[str], at: float) -> dict[str, str]:
    """The headers that prove who sent this message when. One signature for each of the secrets."""
    content = f"{message_id}.{int(at)}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at)),
        "webhook-signature": " ".join(f"v1,{_signature(secret, content)}" for secret in keys),
    }


def _signature(secret: str, content: bytes) -> str:
    return b64encode(hmac.digest(b64decode(secret.removeprefix("whsec_")), content, "sha256")).decode()


def read_address(text: str) -> Url:
    """An http or https address with a host. Raises NoAddress."""
    try:
        url = parse_url(text)
    except LocationParseError as unreadable:
        raise NoAddress(text) from unreadable
    is_written_well = text.isprintable() and " " not in text and len(text) <= LONGEST_ADDRESS
    if not is_written_well or url.scheme not in ("http", "https") or not url.host or url.auth or url.fragment:
        raise NoAddress(text)
    return url


class Sender:
    """One connection to one address, kept from request to request while the receiver keeps it."""

    def __init__(self, address: str) -> None:
        url = read_address(address)
        host, self._path = (url.host or "").strip("[]"), url.request_uri
        self._connection: _Plain | _Secure
        if url.scheme == "https":
            self._connection = _Secure(host, url.port or 443, timeout=READ_SECONDS, ssl_context=_trusted())
        else:
            self._connection = _Plain(host, url.port or 80, timeout=READ_SECONDS)

    def send(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST it. Returns after `WHOLE_SECONDS` and the time of looking up a name, at the latest."""
        connection = self._connection
        if connection.sock and not connection.is_connected:
            connection.close()
        connection.until = time.monotonic() + WHOLE_SECONDS
        watch = threading.Timer(WHOLE_SECONDS, _hang_up, [connection])
        watch.daemon = True
        watch.start()
        try:
            return self._ask(body, headers)
        except (OSError, http.client.HTTPException, HTTPError, networks.Forbidden) as fault:
            connection.close()
            return Answer(Trouble.SLOW if time.monotonic() >= connection.until else _trouble(fault))
        finally:
            watch.cancel()

    def _ask(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        own = {"Content-Type": "application/json", "User-Agent": "Threeslot-Webhooks/1"}
        self._connection.request("POST", self._path, body=body, headers={**own, **headers}, preload_content=False)
        answer = self._connection.getresponse()
        with suppress(OSError, http.client.HTTPException, HTTPError):  # the status is what counts
            if len(answer.read(MOST_READ + 1, decode_content=False) or b"") > MOST_READ:
                self._connection.close()
        is_accepted = 200 <= answer.status < 300
        pause = answer.headers.get("Retry-After", "")
        seconds = min(int(pause), LONGEST_REST) if pause.isascii() and pause.isdecimal() and len(pause) < 10 else 0
        return Answer("" if is_accepted else Trouble.ANSWER, answer.status, 0 if is_accepted else seconds)

    def close(self) -> None:
        self._connection.close()


class _Plain(HTTPConnection):
    until = 0.0

    def _new_conn(self) -> socket.socket:
        return networks.connected(self.host, self.port or 80, until=self.until)


class _Secure(HTTPSConnection):
    until = 0.0

    def _new_conn(self) -> socket.socket:
        return networks.connected(self.host, self.port or 443, until=self.until)


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that this machine trusts, or those in SSL_CERT_FILE."""
    return ssl.create_default_context()


def _hang_up(connection: _Plain | _Secure) -> None:
    """Whoever drips its answer byte by byte never runs into a time-out between two."""
    if connection.sock:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _trouble(fault: Exception) -> str:
    match fault:
        case networks.Forbidden():
            return Trouble.FORBIDDEN
        case socket.gaierror():
            return Trouble.NO_NAME
        case ssl.SSLCertVerificationError():
            return Trouble.UNTRUSTED
        case TimeoutError():
            return Trouble.SLOW
    return Trouble.UNREACHABLE
