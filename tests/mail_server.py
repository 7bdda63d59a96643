"""An IMAP server in this process, on a port of its own, with one empty mailbox."""

import asyncio
import imaplib
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pymap.backend.dict import DictBackend
from pymap.imap import IMAPServer, IMAPService, ProxyProtocolReader
from pysasl.hashing import Cleartext

USER, PASSWORD = "robot", "open sesame"


@dataclass
class Server:
    port: int = 0
    is_up: threading.Event = field(default_factory=threading.Event)
    stop: "asyncio.Event | None" = None
    loop: "asyncio.AbstractEventLoop | None" = None

    async def run(self) -> None:
        backend, config = await DictBackend.init(_arguments(), hash_context=Cleartext())
        config.apply_context()
        answer = ProxyProtocolReader(config.proxy_protocol).get_callback(IMAPServer(backend.login, config))
        server = await asyncio.start_server(answer, host="127.0.0.1", port=0)
        self.port, self.loop, self.stop = (
            server.sockets[0].getsockname()[1],
            asyncio.get_running_loop(),
            asyncio.Event(),
        )
        self.is_up.set()
        async with server:
            await self.stop.wait()

    def add(self, mail: bytes) -> None:
        client = self._client()
        assert client.append("INBOX", "", "", mail)[0] == "OK"
        client.logout()

    def mails(self, folder: str = "INBOX", *, that_are: str = "ALL") -> int:
        client = self._client()
        status, _number = client.select(f'"{folder}"', readonly=True)
        found = client.uid("SEARCH", that_are)[1][0].split() if status == "OK" else []
        client.logout()
        return len(found)

    def _client(self) -> imaplib.IMAP4:
        made = imaplib.IMAP4("127.0.0.1", self.port, timeout=10)
        made.login(USER, PASSWORD)
        return made


@contextmanager
def running() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=lambda: asyncio.run(server.run()), daemon=True)
    thread.start()
    assert server.is_up.wait(10)
    yield server
    assert server.loop
    assert server.stop
    server.loop.call_soon_threadsafe(server.stop.set)
    thread.join(10)


def _arguments() -> object:
    parser = ArgumentParser()
    DictBackend.add_subparser("dict", parser.add_subparsers(dest="backend"))
    IMAPService.add_arguments(parser)
    parser.set_defaults(skip_services=[], passlib_cfg=None, debug=False)
    return parser.parse_args(["--no-tls", "dict", "--demo-user", USER, "--demo-password", PASSWORD])
