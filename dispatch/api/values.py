"""Values as they go in and out, and errors: what the shapes of the API are made of."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from django.utils.translation import gettext as _
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictInt,
    StringConstraints,
    WithJsonSchema,
)

from dispatch.models import Event, State
from dispatch.models.terms import MAX_BIN_SIZE

RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
YEARS = range(1900, 2200)
LARGEST = 2**63 - 1


def _instant(given: object) -> object:
    if isinstance(given, datetime):
        return given
    if not isinstance(given, str) or not RFC3339.fullmatch(given):
        raise ValueError(_("Write an instant with its offset, such as 2026-03-14T09:30:00+01:00."))
    at = datetime.fromisoformat(given.upper())
    if at.year not in YEARS:
        raise ValueError(_("Write an instant of these times, such as 2026-03-14T09:30:00+01:00."))
    return at


def _whole(given: object) -> object:
    if isinstance(given, str) and not re.fullmatch(r"-?[0-9]{1,20}", given):
        raise ValueError(_("Write a whole number in digits."))
    return given


def _flag(given: object) -> object:
    if isinstance(given, str) and given not in ("true", "false"):
        raise ValueError(_("Write true or false."))
    return given


def _plain(text: str) -> str:
    if "\0" in text:
        raise ValueError(_("There is a NUL character in it. Leave it out."))
    return text


# An instant: in, RFC 3339 with an offset; out, in UTC with its offset.
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(lambda at: at.astimezone(UTC).isoformat(), return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Whole = Annotated[int, BeforeValidator(_whole)]  # in an address
Flag = Annotated[bool, BeforeValidator(_flag)]
PLAIN = r"^[^\x00]*$"
Reference = Annotated[str, StringConstraints(max_length=64, pattern=PLAIN), AfterValidator(_plain)]
Slug = Annotated[str, StringConstraints(max_length=60, pattern=r"^[-a-zA-Z0-9_]+$")]
Username = Annotated[str, StringConstraints(max_length=150, pattern=PLAIN), AfterValidator(_plain)]
Position = Annotated[
    int, BeforeValidator(_whole), Field(ge=1, le=MAX_BIN_SIZE, description="Of the slot in the bin, from 1.")
]
Number = Annotated[StrictInt, Field(ge=1, le=LARGEST)]
Cursor = Annotated[
    str,
    StringConstraints(max_length=64, pattern=r"^[-_A-Za-z0-9]*$"),
]
StateName = Literal["waiting", "in_slot", "shelved", "done", "withdrawn"]
assert set(StateName.__args__) == set(State.values)  # type: ignore[attr-defined]


Line64 = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=PLAIN), AfterValidator(_plain)]
Line80 = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=PLAIN), AfterValidator(_plain)]
Text120 = Annotated[str, StringConstraints(max_length=120, pattern=PLAIN), AfterValidator(_plain)]
Text200 = Annotated[str, StringConstraints(max_length=200, pattern=PLAIN), AfterValidator(_plain)]
Text300 = Annotated[str, StringConstraints(max_length=300, pattern=PLAIN), AfterValidator(_plain)]
Line200 = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PLAIN), AfterValidator(_plain)]
Line300 = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=PLAIN), AfterValidator(_plain)]


class Given(BaseModel):
    """What is sent. A field that is not known is refused, so that a slip of the keyboard does not pass for an empty field."""

    model_config = ConfigDict(extra="forbid")


class Told(BaseModel):
    """What is answered. Every field is always there."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


def example(**fields: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [fields]})


def _kind(text: str) -> str:
    if text not in Event.Kind.values:
        raise ValueError(_("There is no such kind. Kinds: %(kinds)s.") % {"kinds": ", ".join(Event.Kind.values)})
    return text


KindName = Annotated[
    str, AfterValidator(_kind), WithJsonSchema({"type": "string", "enum": [kind.value for kind in Event.Kind]})
]


# --- Errors ---------------------------------------------------------------------------------------------------------------


class WrongOut(Told):
    field: str
    message: str


class ProblemOut(BaseModel):
    """RFC 9457. `type` is for programs, `detail` says what is so and what to do, `field` and `errors` are there with 422,
    and `request_id`, to be found in the log, with 500 and 503."""

    model_config = example(
        type="urn:threeslot:problem:not-in-hand",
        title="Conflict",
        status=409,
        detail="F-2026-118 is not in hand. Start it first.",
    )
    type: str
    title: str
    status: int
    detail: str
    field: str = ""
    errors: list[WrongOut] = []
    request_id: str = ""
