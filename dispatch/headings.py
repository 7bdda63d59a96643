"""Which column of a table holds which field: proposed from what the columns are called, and as this person said the last time."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from dispatch.intake_rows import FIELDS, REQUIRED
from dispatch.models import RememberedColumns
from dispatch.tables import Columns, key, unnamed
from skills.models import Worker

# Other names by which systems and offices call the fields, as `tables.key` writes them. The likeliest first.
SYNONYMS = {
    "reference": (
        "ref", "reference_number", "reference_no", "file_reference", "file_number", "file_no", "case_id", "case_number",
        "case_no", "case", "dossier", "dossier_number", "claim_number", "claim_no", "ticket", "ticket_id", "number", "id",
        "référence", "numéro", "numéro_de_dossier", "n°", "aktenzeichen", "zaaknummer",
    ),
    "file_type": (
        "type", "filetype", "type_of_file", "kind", "category", "case_type", "claim_type", "product", "subject_type",
        "type_de_dossier", "catégorie", "dossiertype", "zaaktype",
    ),
    "customer": (
        "customer_name", "client", "client_name", "account", "company", "applicant", "policyholder", "insured", "debtor",
        "demandeur", "assuré", "klant", "kunde",
    ),
    "title": (
        "subject", "description", "summary", "what", "about", "objet", "titre", "sujet", "onderwerp", "betreff",
    ),
    "received_at": (
        "received", "received_on", "receipt", "date_received", "receipt_date", "date_of_receipt", "arrived", "arrived_at",
        "created", "created_at", "created_on", "opened", "opened_at", "date", "reçu", "reçu_le", "date_de_réception",
    ),
    "weight": ("effort", "difficulty", "points", "poids"),
    "expedite_reason": ("expedite", "urgent", "urgency", "urgency_reason", "reason_to_expedite", "urgence"),
}  # fmt: skip
WANTED = (*FIELDS, *(name for names in SYNONYMS.values() for name in names))


def labels(header: Sequence[str]) -> list[str]:
    """What each column goes by, no two alike: a name that comes again gets its number, and so does a column without one."""
    seen: Counter[str] = Counter()
    found = []
    for place, name in enumerate(header, 1):
        label = key(name).replace("\0", "") or f"#{place}"
        seen[label] += 1
        found.append(label if seen[label] == 1 else f"{label}#{place}")
    return found


def proposed(there: Collection[str]) -> dict[str, str]:
    """The label of the column for each field that can be told: its own name goes before any other, and a column has one field."""
    found = {field: field for field in FIELDS if field in there}
    for field, names in SYNONYMS.items():
        free = [name for name in names if name in there and name not in found.values()]
        if field not in found and free:
            found[field] = free[0]
    return found


def remembered(there: Collection[str], *, person: Worker) -> dict[str, str]:
    """What this person said of a table with columns of the same labels, in whatever order."""
    last = RememberedColumns.objects.filter(person=person, headers=_digest(there)).first()
    known = last.columns.items() if last else ()
    return {field: label for field, label in known if field in FIELDS and label in there}


def remember(there: Collection[str], columns: Mapping[str, str], *, person: Worker, now: datetime) -> None:
    RememberedColumns.objects.update_or_create(
        person=person, headers=_digest(there), defaults={"columns": dict(columns), "used_at": now}
    )


def _digest(there: Collection[str]) -> str:
    return hashlib.sha256("\n".join(sorted(there)).encode()).hexdigest()


def missing(columns: Mapping[str, str]) -> list[str]:
    """The fields that a table cannot do without, and that no column holds."""
    return [field for field in REQUIRED if field not in columns]


def placed(header: Sequence[str], columns: Mapping[str, str]) -> Columns:
    """Where each field stands."""
    there = labels(header)
    places = {field: there.index(label) for field, label in columns.items() if label in there}
    unused = [place for place in range(len(header)) if place not in places.values()]
    return Columns(places, tuple(header[place] or unnamed(place) for place in unused))
