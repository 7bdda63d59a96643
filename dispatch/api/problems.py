"""Errors as RFC 9457 has them: what is so, in which field, and what to do."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from ninja.errors import AuthenticationError, HttpError, ValidationError

from dispatch import intake, loans, moves, refusals, shelf
from dispatch.acts import Overtaken
from dispatch.outage import is_away

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2
CHOICE = re.compile(r"(literal|list)\[")  # how pydantic names one of several kinds that a field may be of

logger = logging.getLogger(__name__)


class Wrong(NamedTuple):
    """What is wrong with one field."""

    field: str
    message: str


class Problem(Exception):
    """An answer that is an error. `code` names its kind for programs, `errors` are the fields."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Iterable[Wrong] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.headers = tuple(errors), dict(headers or {})


# The facts that are about what was sent, by the field; all others are about how things stand, which is a conflict.
FIELDS: dict[type[Exception], str] = {
    refusals.ReasonMissing: "reason",
    refusals.ChecklistOpen: "checklist",
    refusals.ReceiptImplausible: "received_at",
    refusals.ReturnImpossible: "until",
    shelf.WakeImpossible: "wake_at",
    loans.LoanImpossible: "ends_at",
    intake.CustomerAmbiguous: "customer",
}


# In place of what pydantic says, which is about types and in English.
_SAID: dict[str, Callable[[], str]] = {
    "missing": lambda: _("This field is missing. Send it."),
    "extra_forbidden": lambda: _("This field is unknown here. Leave it out."),
    "model_type": lambda: _("This is no object. Send one, with the fields of a file."),
    "model_attributes_type": lambda: _("This is no object. Send one, with its fields."),
    "list_type": lambda: _("This is no list. Send one, in square brackets."),
    "string_type": lambda: _("This is no text. Send it in quotes."),
    "string_unicode": lambda: _("There are characters in it that are none. Send UTF-8."),
    "int_type": lambda: _("This is no whole number. Send one, without quotes."),
    "int_parsing": lambda: _("Write a whole number in digits."),
    "int_parsing_size": lambda: _("This number is too large."),
    "int_from_float": lambda: _("This is no whole number. Send one, without a fraction."),
    "bool_type": lambda: _("This is neither true nor false. Send one of them, without quotes."),
    "bool_parsing": lambda: _("Write true or false."),
    "literal_error": lambda: _("This is not known here. Known are: %(expected)s."),
    "string_pattern_mismatch": lambda: _("There are characters in it that cannot be there."),
    "string_too_long": lambda: _("This is too long. It has room for %(max_length)d characters."),
    "string_too_short": lambda: _("This is empty. Say something."),
    "too_long": lambda: _("These are too many. Send %(max_length)d at most at a time."),
    "greater_than_equal": lambda: _("This is too small. It has to be %(ge)d at least."),
    "less_than_equal": lambda: _("This is too large. It has to be %(le)d at most."),
}


def not_found(what: str = "") -> Problem:
    return Problem(404, "not-found", what or _("There is nothing here. Look at /api/v1/docs for what there is."))


def forbidden(why: str) -> Problem:
    return Problem(403, "forbidden", why)


def invalid(field: str, message: str) -> Problem:
    return Problem(422, "invalid", message, errors=[Wrong(field, message)])


def answer(problem: Problem, *, request_id: str = "") -> HttpResponse:
    """`request_id` is told with what was not the caller's fault, to be found in the log."""
    status = HTTPStatus(problem.status)
    said: dict[str, Any] = {
        "type": f"urn:threeslot:problem:{problem.code}",
        "title": status.phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        said["field"] = problem.errors[0].field
        said["errors"] = [wrong._asdict() for wrong in problem.errors]
    if request_id and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        said["request_id"] = request_id
    headers = {"Cache-Control": "no-store"} | problem.headers
    return JsonResponse(said, status=problem.status, content_type=MEDIA_TYPE, headers=headers)


def of(fault: Exception) -> Problem:
    """What an exception of ours, of ninja or of the database is to whoever called."""
    match fault:
        case Problem():
            return fault
        case refusals.Refused() | moves.QueueMissing():
            return _refused(fault)
        case ValidationError():
            wrong = of_fields(fault.errors)
            said = "; ".join(f"{each.field}: {each.message}" for each in wrong[:5])
            return Problem(422, "invalid", said, errors=wrong)
        case AuthenticationError():
            return Problem(
                401,
                "unauthorized",
                _("Send a token that is in use: Authorization: Bearer ts_… People make theirs at /tokens/."),
                headers={"WWW-Authenticate": 'Bearer realm="threeslot"'},
            )
        case HttpError():
            message = _("This is no JSON. Send UTF-8 JSON as the body.")  # the one thing that ninja refuses by itself
            return Problem(422, "malformed", message, errors=[Wrong("body", message)])
        case RequestDataTooBig():
            most = filesizeformat(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
            return invalid("body", _("The body may have %(most)s. Send fewer at a time.") % {"most": most})
        case Http404():
            return not_found()
        case Overtaken():
            return Problem(409, "overtaken", _("Others were quicker, again and again. Nothing was changed; try again."))
        case _:
            return _fault(fault)


def _refused(fact: Exception) -> Problem:
    code = re.sub(r"(?<!^)(?=[A-Z])", "-", type(fact).__name__).lower()
    field = next((field for kind, field in FIELDS.items() if isinstance(fact, kind)), None)
    if field is None:
        return Problem(409, code, str(fact))
    return Problem(422, code, str(fact), errors=[Wrong(field, str(fact))])


def of_fields(errors: Iterable[Mapping[str, Any]]) -> list[Wrong]:
    """What pydantic says of each place, without in which part of the request that is."""
    wrong = []
    for error in errors:
        place = [str(part) for part in error["loc"]]
        if place[:1] == ["body"]:
            place = place[2:] or ["body"]  # past the name that a whole body has among ourselves
        elif len(place) > 1 and place[0] in ("query", "path"):
            place = place[1:]
        named = (part for part in place if not CHOICE.match(part))
        wrong.append(Wrong(".".join(named), _said(error)))
    return wrong


def _said(error: Mapping[str, Any]) -> str:
    """Of the errors of ours, what they say themselves."""
    if error["type"] not in _SAID:
        return str(error["msg"]).removeprefix("Value error, ")
    told = dict(error.get("ctx", {}))
    if "expected" in told:
        told["expected"] = str(told["expected"]).replace(" or ", ", ")
    return _SAID[error["type"]]() % told


def _fault(fault: Exception) -> Problem:
    if is_away(fault):
        logger.warning("PostgreSQL is away: %s", str(fault).partition("\n")[0])
        detail = _("The database does not answer for the moment. Try again; nobody knows whether this was done.")
        return Problem(503, "unavailable", detail, headers={"Retry-After": str(RETRY_SECONDS)})
    logger.error("A call failed", exc_info=fault)
    return Problem(
        500, "fault", _("This is a fault of ours, and was written down. Whoever looks for it needs the request_id.")
    )


def handle(request: HttpRequest, fault: Exception | type[Exception]) -> HttpResponse:
    assert isinstance(fault, Exception)
    return answer(of(fault), request_id=getattr(request, "request_id", ""))
