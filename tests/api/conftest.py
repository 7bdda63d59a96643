"""A small office for every test of the API."""

from tests.small_office import ada, amir, claim, lea, team

__all__ = ["ada", "amir", "claim", "lea", "team"]
