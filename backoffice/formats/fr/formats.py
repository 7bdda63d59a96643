"""Thousands in French are set apart by a narrow space that does not break."""

THOUSAND_SEPARATOR = "\u202f"
