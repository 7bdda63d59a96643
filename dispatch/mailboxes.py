"""Where mail lies: maildirs, and folders of IMAP servers. Each mail comes with a way to put it away, for when it is safe here."""

import imaplib
import os
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from imap_tools import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError

from dispatch.models import Mailbox

PATIENCE = 30  # seconds a server may take for an answer
HEAD = 64 * 1024  # bytes that are read of a mail that is too large
SEEN = "S"  # the flag of a maildir


class Unreachable(Exception):
    """This mailbox cannot be read now. The message says why and what to do."""


@dataclass(frozen=True)
class Arrived:
    """A mail in a mailbox, and when it came in there. Of one that is larger than MAIL_MAX_MB there is only the beginning."""

    content: bytes
    size: int
    at: datetime
    put_away: Callable[[], None]

    @property
    def is_too_large(self) -> bool:
        return self.size > settings.MAIL_MAX_BYTES


@contextmanager
def arrivals(mailbox: Mailbox) -> Iterator[Iterator[Arrived]]:
    """What has come in, the oldest first, read one by one. Raises Unreachable, within the block too."""
    try:
        if mailbox.kind == Mailbox.Kind.MAILDIR:
            yield _in_maildir(mailbox)
        else:
            with _signed_in(mailbox) as server:
                yield _on_server(server, mailbox)
    except (imaplib.IMAP4.error, ImapToolsError, OSError) as error:
        raise Unreachable(_told(error)) from error


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:400]


# --- Maildir ----------------------------------------------------------------------------------------------------------------


def _in_maildir(mailbox: Mailbox) -> Iterator[Arrived]:
    """See maildir(5): what is in `new` and `cur` is whole."""
    folder = _folder(mailbox)
    paths = [path for name in ("new", "cur") for path in (folder / name).iterdir() if _is_mail(path)]
    if not mailbox.moved_to:
        paths = [path for path in paths if SEEN not in _flags(path)]
    for path in sorted(paths, key=lambda path: path.name):  # which begins with the second in which it came
        try:
            known = path.stat()
            with path.open("rb") as opened:
                content = opened.read(HEAD if known.st_size > settings.MAIL_MAX_BYTES else -1)
        except FileNotFoundError:
            continue  # somebody else reads here, too
        size, at = known.st_size, datetime.fromtimestamp(known.st_mtime, tz=UTC)
        yield Arrived(content, size, at, lambda path=path: _put_away(path, folder, mailbox.moved_to))  # type: ignore[misc]


def _folder(mailbox: Mailbox) -> Path:
    root = Path(settings.MAIL_DIR).resolve()
    folder = (root / mailbox.path).resolve()
    if not folder.is_relative_to(root):
        raise Unreachable(_("The folder lies outside of MAIL_DIR. Name one below it."))
    if not all((folder / name).is_dir() for name in ("new", "cur")):
        raise Unreachable(
            _("There is no maildir at %(path)s: a folder with new, cur and tmp in it.") % {"path": folder}
        )
    return folder


def _is_mail(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and not path.name.startswith(".")


def _flags(path: Path) -> str:
    return path.name.partition(":2,")[2]


def _put_away(path: Path, folder: Path, moved_to: str) -> None:
    target = folder / f".{moved_to.strip('./')}" if moved_to else folder
    if not target.resolve().is_relative_to(folder):
        raise Unreachable(_("The folder for what was read lies outside of the maildir. Give it another name."))
    for name in ("new", "cur", "tmp"):
        (target / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = "".join(sorted({*_flags(path), SEEN}))
    with suppress(FileNotFoundError):  # whoever else reads here was quicker
        path.rename(target / "cur" / f"{path.name.partition(':2,')[0]}:2,{flags}")


# --- IMAP --------------------------------------------------------------------------------------------------------------------


@contextmanager
def _signed_in(mailbox: Mailbox) -> Iterator[BaseMailBox]:
    password = os.environ.get(mailbox.password_variable)
    if not password:
        told = {"name": mailbox.password_variable}
        raise Unreachable(_("There is no password: the variable %(name)s is not set where mail is read.") % told)
    with _server(mailbox).login(mailbox.username, password, initial_folder=mailbox.folder) as server:
        yield server


def _server(mailbox: Mailbox) -> BaseMailBox:
    """Certificates are checked, which the library leaves to whoever calls it."""
    match mailbox.security:
        case Mailbox.Security.TLS:
            context = ssl.create_default_context()
            return MailBox(mailbox.host, mailbox.port, timeout=PATIENCE, ssl_context=context)
        case Mailbox.Security.STARTTLS:
            context = ssl.create_default_context()
            return MailBoxStartTls(mailbox.host, mailbox.port, timeout=PATIENCE, ssl_context=context)
        case _:
            return MailBoxUnencrypted(mailbox.host, mailbox.port, timeout=PATIENCE)


def _on_server(server: BaseMailBox, mailbox: Mailbox) -> Iterator[Arrived]:
    for uid in server.uids("UNDELETED" if mailbox.moved_to else "UNDELETED UNSEEN"):
        told = b" ".join(
            piece for piece in _fetch(server, uid, "(RFC822.SIZE INTERNALDATE)") if isinstance(piece, bytes)
        )
        found = re.search(rb"RFC822\.SIZE (\d+)", told)
        if found is None:
            continue  # somebody took it away meanwhile
        size = int(found[1])
        wanted = f"(BODY.PEEK[]<0.{HEAD}>)" if size > settings.MAIL_MAX_BYTES else "(BODY.PEEK[])"
        content = next((piece[1] for piece in _fetch(server, uid, wanted) if isinstance(piece, tuple)), b"")
        yield Arrived(content, size, _internal_date(told), lambda uid=uid: _move(server, uid, mailbox.moved_to))  # type: ignore[misc]


def _fetch(server: BaseMailBox, uid: str, wanted: str) -> list[Any]:
    """What the server answers, as it is: lines, and pairs of a line and what it announces."""
    status, data = server.client.uid("FETCH", uid, wanted)
    if status != "OK":
        raise Unreachable(_("The server does not give a mail out: %(said)s") % {"said": str(data)[:200]})
    return list(data)


def _internal_date(told: bytes) -> datetime:
    found = imaplib.Internaldate2tuple(told)
    return datetime.fromtimestamp(time.mktime(found), tz=UTC) if found else datetime.now(UTC)


def _move(server: BaseMailBox, uid: str, moved_to: str) -> None:
    if not moved_to:
        server.flag(uid, r"\Seen", True)
        return
    if not server.folder.exists(moved_to):
        server.folder.create(moved_to)
    server.move(uid, moved_to)
