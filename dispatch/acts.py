"""An act is one transaction, whole or not at all. When PostgreSQL ends one for the sake of another, nothing of it has happened, and
it is done again: nobody ever reads of a deadlock.
"""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction
from psycopg2.errors import DeadlockDetected, SerializationFailure

TRIES = 6
PAUSE = 0.02  # seconds before the second try, at most; twice as long before each further one


class Overtaken(Exception):
    """What an act read before it held its locks was changed before it got them: nothing has happened, and it is done again."""


P = ParamSpec("P")
R = TypeVar("R")


def act(verb: Callable[P, R]) -> Callable[P, R]:
    """Decorates a verb: its body is one transaction, done again when it was ended for another. Within another act it is a part of
    that, which is then done again as a whole."""

    @wraps(verb)
    def whole(*args: P.args, **kwargs: P.kwargs) -> R:
        tries = 1 if connection.in_atomic_block else TRIES
        for attempt in range(tries):
            try:
                with transaction.atomic():
                    return verb(*args, **kwargs)
            except (OperationalError, Overtaken) as error:
                is_passing = isinstance(error, Overtaken) or isinstance(
                    error.__cause__, (DeadlockDetected, SerializationFailure)
                )
                if attempt == tries - 1 or not is_passing:
                    raise
            time.sleep(random.uniform(0, PAUSE * 2**attempt))  # noqa: S311  # a pause is no secret
        raise AssertionError  # the last try returned or raised

    return whole
