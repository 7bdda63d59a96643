"""Where a request may go, whatever the address says, and how little a receiver can do to us."""

import socket
import ssl
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from backoffice.settings import env_networks
from dispatch import networks, sending
from dispatch.sending import Sender
from tests.webhooks.receiver import Receiver

INSIDE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.8.8.8", "169.254.169.254", "172.16.0.1",  # noqa: S104
    "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.9",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "64:ff9b::10.0.0.1", "64:ff9b::8.8.8.8",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "2002:a00:1::1", "3fff::1", "5f00::1", "fc00::1",
    "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "no address",
]  # fmt: skip


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[list[str]]]]:
    """A name and what it is resolved to, one answer after the other, the last for ever."""
    answers: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        if host not in answers:
            return real(host, port, *rest, **more)
        found = answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0]
        return [info for address in found for info in real(address, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_public_is_not_reached(address: str):
    assert not networks.may_reach(address)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "192.169.0.1", "2606:4700:4700::1111", "2a00:1450::1"],
)
def test_what_is_public_is(address: str):
    assert networks.may_reach(address)


def test_the_operator_opens_networks_and_no_more(settings: Any):
    settings.WEBHOOKS_MAY_REACH = [ip_network("10.1.0.0/16"), ip_network("fd00::/64")]
    opened = {
        address: networks.may_reach(address) for address in ("10.1.2.3", "10.2.0.1", "fd00::7", "fd00:0:0:1::7", "::1")
    }
    assert opened == {"10.1.2.3": True, "10.2.0.1": False, "fd00::7": True, "fd00:0:0:1::7": False, "::1": False}


def test_a_setting_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("X", "10.1.0.0/16, fd00::/8")
    assert env_networks("X") == [ip_network("10.1.0.0/16"), ip_network("fd00::/8")]
    monkeypatch.setenv("X", "10.1.0.1/16")
    with pytest.raises(ImproperlyConfigured, match=r"X: .* Write networks like"):
        env_networks("X")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "127.1",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "%6cocalhost",
    ],
)
def test_no_way_of_writing_leads_to_ourselves(host: str):
    """With somebody listening there, who hears nothing."""
    receiver = Receiver().start()
    port = receiver.address.split(":")[2].partition("/")[0]
    answer = Sender(f"http://{host}:{port}/").send(b"{}", {})
    receiver.stop()
    assert answer.trouble in ("forbidden", "no_name")
    assert receiver.arrived == 0


@pytest.mark.parametrize("others", [[], ["93.184.215.14"], ["2606:4700::1111"]])
def test_a_name_is_refused_for_any_of_its_addresses(names: dict[str, list[list[str]]], others: list[str]):
    names["hub.example.com"] = [[*others, "10.0.0.8"]]
    assert Sender("https://hub.example.com/").send(b"{}", {}).trouble == "forbidden"


def test_a_name_that_leads_elsewhere_a_moment_later_leads_nowhere(
    names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch
):
    """The connection is to what was checked, by address: the name is not asked for again."""
    names["rebind.example.com"] = [["93.184.215.14"], ["127.0.0.1"]]
    asked = []

    def connect(address: tuple[str, int], **_: object) -> socket.socket:
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    sender = Sender("http://rebind.example.com/")
    assert sender.send(b"{}", {}).trouble == "unreachable"
    assert asked == [("93.184.215.14", 80)]
    assert sender.send(b"{}", {}).trouble == "forbidden", "and it is checked anew at every connection"
    assert len(asked) == 1


def test_a_redirect_is_a_failure_and_not_followed(receiver: Receiver):
    elsewhere = Receiver().start()
    receiver.decide = lambda body: (307, {"Location": elsewhere.address})
    answer = Sender(receiver.address).send(b"{}", {"webhook-id": "msg_1"})
    elsewhere.stop()
    assert (answer.trouble, answer.status, elsewhere.arrived) == ("answer", 307, 0)


@pytest.mark.parametrize(
    "address",
    ["", "hub", "//hub", "ftp://hub", "file:///etc/passwd", "http://", "http:///x", "http://a b/", "http://u:p@hub/", "http://hub/#x",
     "http://hub/\r\nX: y", "http://hub:99999/", "http://[::1/", "gopher://hub", "https://hub/" + "x" * 500],
)  # fmt: skip
def test_what_is_no_address_is_none(address: str):
    with pytest.raises(sending.NoAddress):
        sending.read_address(address)


def test_the_second_address_is_tried_when_the_first_takes_nothing(
    names: dict[str, list[list[str]]], receiver: Receiver
):
    port = receiver.address.split(":")[2].partition("/")[0]
    names["two.example.com"] = [["127.0.0.9", "127.0.0.1"]]
    answer = Sender(f"http://two.example.com:{port}/").send(b"{}", {"webhook-id": "msg_1"})
    assert answer.status == 204
    assert receiver.got[0].headers["host"] == f"two.example.com:{port}"


# --- Receivers that mean no good --------------------------------------------------------------------------------------------------


@contextmanager
def telling(tell: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads what comes and then does this; its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(10_000)
            with suppress(OSError):
                tell(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.close()


@pytest.fixture
def hurried(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WEBHOOKS_MAY_REACH = [ip_network("127.0.0.0/8")]
    monkeypatch.setattr(sending, "READ_SECONDS", 0.3)
    monkeypatch.setattr(sending, "WHOLE_SECONDS", 0.8)


def silent(_: socket.socket) -> None:
    time.sleep(3)


def dripping(connection: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100:
        connection.send(bytes([byte]))
        time.sleep(0.1)


def endless(connection: socket.socket) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.send(b"x" * 65_536)


def gibberish(connection: socket.socket) -> None:
    connection.send(b"\x00\xff\r\n\r\n" * 1000)


@pytest.mark.parametrize(
    ("tell", "trouble"),
    [
        (silent, "slow"),
        (dripping, "slow"),
        (endless, ""),
        (gibberish, "unreachable"),
        (socket.socket.close, "unreachable"),
    ],
)  # fmt: skip
def test_it_takes_neither_our_time_nor_our_memory(hurried: None, tell: Callable[[socket.socket], None], trouble: str):
    with telling(tell) as address:
        began = time.monotonic()
        assert Sender(address).send(b"{}", {}).trouble == trouble
        assert time.monotonic() - began < 2


# --- The certificate --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def secure(
    tmp_path: Path, settings: Any, names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[int, list[str]]]:
    """A TLS server that is hub.example.com by a certificate that is trusted here; its port, and the names it was asked for."""
    settings.WEBHOOKS_MAY_REACH = [ip_network("127.0.0.0/8")]
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=hub", "-addext", "subjectAltName=DNS:hub.example.com", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    sending._trusted.cache_clear()
    names |= {"hub.example.com": [["127.0.0.1"]], "other.example.com": [["127.0.0.1"]]}
    context, asked = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), []
    context.load_cert_chain(certificate, key)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    receiver = Receiver().start()
    receiver._server.socket = context.wrap_socket(receiver._server.socket, server_side=True)
    yield receiver._port, asked
    receiver.stop()
    sending._trusted.cache_clear()


def test_the_certificate_is_checked_against_the_name(secure: tuple[int, list[str]]):
    port, asked = secure
    assert Sender(f"https://hub.example.com:{port}/").send(b"{}", {"webhook-id": "msg_1"}).status == 204
    assert Sender(f"https://other.example.com:{port}/").send(b"{}", {}).trouble == "untrusted"
    assert Sender(f"https://127.0.0.1:{port}/").send(b"{}", {}).trouble == "untrusted"
    assert asked[:2] == ["hub.example.com", "other.example.com"]


def test_the_signature_is_that_of_the_standard():
    """The example of the Standard Webhooks project's own libraries."""
    secret, content = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    headers = sending.signed("msg_p5jXN8AQM9LWM0D4loKWxJek", content, keys=[secret], at=1614265330.7)
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert sending.new_secret() != sending.new_secret()
    assert len(b64encode(b"x" * 32)) == len(sending.new_secret().removeprefix("whsec_"))
