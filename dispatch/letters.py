"""A mail, read with care: whatever it is made of, there is something to say about it, and what is broken in it is left out."""

import email
import email.policy
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.utils import getaddresses
from itertools import islice

from django.utils.translation import gettext as _

MOST_PARTS = 500
MOST_WORK = (
    20_000_000  # lines, times how deep they may be nested: the parser passes each line through all that is around it
)
NESTS = re.compile(rb"^content-type:\s*(?:multipart|message)/", re.IGNORECASE | re.MULTILINE)
LONGEST_KEY, LONGEST_ADDRESS, LONGEST_SUBJECT = 255, 254, 200
RECIPIENTS = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To")
NO_NAME = "document"
MAIL = "message/rfc822"


@dataclass(frozen=True)
class Document:
    """Something attached."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Letter:
    """`key` is the same whenever this mail comes again; `digest` tells another mail under the same key. `automatic` says why no
    person wrote it, and `problem` why it cannot be read as it should; empty otherwise."""

    key: str
    digest: str
    sender: str = ""
    recipients: tuple[str, ...] = ()
    subject: str = ""
    automatic: str = ""
    problem: str = ""
    documents: tuple[Document, ...] = ()


def read(raw: bytes) -> Letter:
    """Never raises for what is in a mail."""
    digest = _digest(_body(raw))
    if raw.count(b"\n") * (1 + len(NESTS.findall(raw))) > MOST_WORK:
        return Letter(_digest(raw), digest, problem=_("It is nested so deep that it cannot be read."))
    try:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        key = _key(message, raw)
    except Exception as error:  # the parser has its own limits, such as the depth of what is nested
        return Letter(_digest(raw), digest, problem=_told(error))
    found = Letter(
        key=key,
        digest=digest,
        sender=next(iter(_addresses(message, ("From", "Sender"))), ""),
        recipients=tuple(_addresses(message, RECIPIENTS)),
        subject=_line(_header(message, "Subject"))[:LONGEST_SUBJECT].strip(),
        automatic=_automatic(message),
    )
    try:
        documents = tuple(_documents(message))
    except Exception as error:
        return Letter(**{**vars(found), "problem": _told(error)})
    return Letter(**{**vars(found), "documents": documents})


def _key(message: Message, raw: bytes) -> str:
    given = _line(_header(message, "Message-ID"))
    if not given:
        return _digest(raw)
    return given if len(given) <= LONGEST_KEY else _digest(given.encode())


def _body(raw: bytes) -> bytes:
    """What follows the header, whatever ends its lines."""
    return raw.replace(b"\r\n", b"\n").partition(b"\n\n")[2]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _header(message: Message, name: str) -> str:
    """As text, all of that name. One that cannot be parsed is taken as it stands."""
    try:
        return ", ".join(str(value) for value in message.get_all(name, []))
    except Exception:
        return ", ".join(str(value) for field, value in message.raw_items() if field.lower() == name.lower())


def _line(text: str) -> str:
    """One line of what can be stored: no half characters, nothing invisible."""
    whole = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return " ".join(re.sub(r"[\x00-\x1f\x7f]+", " ", whole).split())


def _addresses(message: Message, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        for _name, address in getaddresses([_line(_header(message, name))]):
            if "@" in address and len(address) <= LONGEST_ADDRESS:
                yield address.lower()


def _automatic(message: Message) -> str:
    """RFC 3834: what answers by itself must not be answered by a file, or two machines write to each other for ever."""
    submitted = _line(_header(message, "Auto-Submitted")).partition(";")[0].strip().lower()
    if submitted not in ("", "no"):
        return _("It was sent automatically (Auto-Submitted: %(value)s).") % {"value": submitted[:40]}
    if _line(_header(message, "Return-Path")) == "<>" or message.get_content_type() == "multipart/report":
        return _("It is a report of a mail server, such as that a mail could not be delivered.")
    if _header(message, "X-Autoreply") or _line(_header(message, "Precedence")).lower() == "auto_reply":
        return _("It was sent automatically.")
    return ""


def _documents(message: Message) -> Iterator[Document]:
    """What is attached, wherever it is nested; an attached mail is one document. Pictures within the text are not."""
    for part in islice(_leaves(message), MOST_PARTS):
        name = _name(part)
        is_within = part.get("Content-ID") is not None and part.get_content_maintype() == "image"
        if part.get_content_type() == MAIL:
            yield Document(name or "mail.eml", _mail_within(part))
        elif (name or part.get_content_disposition() == "attachment") and not is_within:
            content = part.get_payload(decode=True)
            yield Document(name or NO_NAME, content if isinstance(content, bytes) else b"")


def _leaves(message: Message) -> Iterator[Message]:
    """Not by recursion: how deep a mail is nested is the sender's choice."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        if part.is_multipart() and part.get_content_type() != MAIL:
            waiting.extend(reversed([each for each in part.get_payload() if isinstance(each, Message)]))
        else:
            yield part


def _name(part: Message) -> str:
    try:
        return _line(part.get_filename() or "")
    except Exception:
        return NO_NAME


def _mail_within(part: Message) -> bytes:
    """Nothing where it cannot be written again; it is in the mail around it all the same."""
    try:
        within = part.get_payload(0)
        return within.as_bytes() if isinstance(within, Message) else b""
    except Exception:
        return b""


def _told(error: Exception) -> str:
    return _("It is built in a way that cannot be read (%(why)s).") % {"why": type(error).__name__}
