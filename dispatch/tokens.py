"""Tokens of the API: made, shown once, found by their secret, revoked. What a token may do is asked of its person (`rights`)."""

import hashlib
import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from dispatch.models import Scope, Token
from skills.models import Worker

# A scanner for leaked secrets finds it by this: "ts_" and 256 random bits in hexadecimal.
SECRET = re.compile(r"ts_[0-9a-f]{64}")
SHOWN = 11  # characters of a secret by which people tell it from others
LONGEST_DAYS = 366
USUAL_DAYS = 90
MOST = 50  # that a person has at a time
NOTED_EVERY = timedelta(minutes=1)


class NotMade(Exception):
    """A token cannot be as it was asked for. The message says what is so and what to do; `field` is where."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def make(
    worker: Worker, *, name: str, scopes: Collection[str], days: int, by: Worker | None, now: datetime
) -> tuple[Token, str]:
    """A token and its secret, which is to be read nowhere from now on. Raises NotMade."""
    name = name.strip()
    if not name or len(name) > 80:
        raise NotMade("name", _("Say what it is for, in 80 characters at most."))
    if not scopes or not set(scopes) <= set(Scope.values):
        raise NotMade("scopes", _("Choose what it may be used for."))
    if not 1 <= days <= LONGEST_DAYS:
        raise NotMade("days", _("Choose from 1 to %(days)d days.") % {"days": LONGEST_DAYS})
    if not worker.is_active:
        raise NotMade("username", _("This person cannot sign in any more, so no token would be accepted."))
    if usable(now=now).filter(worker=worker).count() >= MOST:
        raise NotMade(
            "name", _("There are %(number)d tokens already. Revoke one that is not needed.") % {"number": MOST}
        )
    secret = f"ts_{secrets.token_hex(32)}"
    token = Token.objects.create(
        worker=worker,
        name=name,
        start=secret[:SHOWN],
        sha256=_hash(secret),
        scopes=[scope for scope in Scope.values if scope in scopes],
        made_by=by,
        made_at=now,
        expires_at=now + timedelta(days=days),
    )
    return token, secret


def usable(*, now: datetime) -> QuerySet[Token]:
    """Those that are accepted."""
    return Token.objects.filter(revoked_at=None, expires_at__gt=now, worker__is_active=True)


def shown_to(person: Worker, *, sees_all: bool, now: datetime) -> QuerySet[Token]:
    """One's own, and of the others those that are in use; for a month after its end a token can still be looked at."""
    lately = Q(expires_at__gt=now - timedelta(days=31)) & (
        Q(revoked_at=None) | Q(revoked_at__gt=now - timedelta(days=31))
    )
    whose = Q() if sees_all else Q(worker=person)
    return Token.objects.filter(lately & whose).select_related("worker", "made_by", "revoked_by")


def found(secret: str, *, now: datetime) -> Token | None:
    """The usable token with this secret, with its person; that it was used is noted once a minute."""
    if not SECRET.fullmatch(secret):
        return None
    token = usable(now=now).select_related("worker__team", "worker__works_in").filter(sha256=_hash(secret)).first()
    if token and (token.last_used_at is None or token.last_used_at <= now - NOTED_EVERY):
        Token.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def revoke(token: Token, *, by: Worker, now: datetime) -> bool:
    """From now on it is refused. False when it was before."""
    return bool(Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now, revoked_by=by))


def _hash(secret: str) -> str:
    """Without salt or stretching: nobody guesses 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
