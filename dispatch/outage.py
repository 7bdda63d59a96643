"""Whether PostgreSQL is away, in contrast to an answer of its that is an error."""

import psycopg2

# SQLSTATE: connection failures, a server that stops, starts or recovers, and one that takes no more connections.
AWAY = ("08", "57P", "53300")


def is_away(fault: BaseException | None) -> bool:
    """Whether there was nobody to ask, in contrast to an answer that is an error. There is no SQLSTATE then, and psycopg2 says
    so by any of three exceptions."""
    cause = fault.__cause__ if fault else None
    if not isinstance(cause, psycopg2.Error):
        return False
    if cause.pgcode:
        return cause.pgcode.startswith(AWAY)
    return (
        isinstance(cause, (psycopg2.InterfaceError, psycopg2.OperationalError)) or type(cause) is psycopg2.DatabaseError
    )
