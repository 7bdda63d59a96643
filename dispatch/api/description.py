"""The whole API: its calls, its errors, its OpenAPI description and the page that shows it."""

from collections.abc import Callable
from functools import lru_cache, wraps
from hashlib import sha256
from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import condition, require_safe
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.docs import DocsBase
from ninja.openapi.schema import OpenAPISchema
from ninja.responses import Response

from dispatch.api import bin, events, files, loans, teams
from dispatch.api.door import SCOPE
from dispatch.api.problems import MEDIA_TYPE, Problem, answer, handle, not_found

DESCRIPTION = """\
Threeslot among other systems: log files, follow what happens to them, work a bin, lend people.

Every call needs `Authorization: Bearer TOKEN`. People make tokens at /tokens/; a token acts for its person, with that person's
rights and no more, and only within its scopes: read, intake, work, manage. Instants are ISO 8601 with an offset. Fields and
parameters that are not known are refused. Errors are RFC 9457 problem details that say what to do. Texts follow Accept-Language.
"""

# By call and status: which calls go on with what of the answer.
_FILE = {"parameters": {"reference": "$response.body#/reference"}}
_ACT = {"requestBody": {"event": "$response.body#/event"}}
LINKS: dict[tuple[str, int], tuple[tuple[str, ...], dict[str, Any]]] = {
    ("log_file", 201): (("get_file", "why", "withdraw"), _FILE),
    ("log_file", 200): (("get_file", "why", "withdraw"), _FILE),
    ("get_file", 200): (("why", "withdraw", "rework"), _FILE),
    ("rework", 201): (("get_file", "withdraw"), _FILE),
    **{(act, 200): (("undo_act",), _ACT) for act in ("start", "done", "stuck", "shelve", "pass_back", "away", "back")},
    ("lend", 201): (("return_from_loan",), {"parameters": {"loan": "$response.body#/id"}}),
    ("list_files", 200): (("list_files",), {"parameters": {"cursor": "$response.body#/next_cursor"}}),
    ("list_events", 200): (("list_events",), {"parameters": {"after": "$response.body#/next_cursor"}}),
}
View = Callable[..., HttpResponseBase]


class Docs(DocsBase):
    """Swagger UI, from our own host, without a line of script in the page."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        settings = {"url": self.get_openapi_url(api, kwargs), "layout": "BaseLayout", "deepLinking": True}
        return render(request, "api_docs.html", {"title": api.title, "settings": settings})


class Api(NinjaAPI):
    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**kwargs)
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["security"] = [{"Bearer": [operation.pop(SCOPE)]}]
                _tell_errors_truly(operation["responses"])
                for parameter in operation["parameters"]:
                    parameter["schema"] = _without_null(parameter["schema"])
        _tell_what_leads_where(schema)
        return schema


def _tell_errors_truly(responses: dict[int, dict[str, Any]]) -> None:
    for status, response in responses.items():
        if status >= 400:
            response["content"] = {MEDIA_TYPE: next(iter(response["content"].values()))}
        if status in (429, 503):
            seconds = {"schema": {"type": "integer"}, "description": "Seconds."}
            response["headers"] = {"Retry-After": seconds}


def _tell_what_leads_where(schema: dict[str, Any]) -> None:
    """With what is in an answer one may call on: OpenAPI's links."""
    calls = {call["operationId"]: call for calls in schema["paths"].values() for call in calls.values()}
    for (call, status), (names, link) in LINKS.items():
        calls[call]["responses"][status]["links"] = {name: {"operationId": name, **link} for name in names}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """An address can leave a parameter out, and cannot say null."""
    kinds = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return {**{name: value for name, value in schema.items() if name != "anyOf"}, **kinds[0]} if kinds else schema


class Written(NamedTuple):
    """The description as it is sent, and its ETag."""

    content: bytes
    tag: str


@lru_cache(maxsize=8)
def _written(root: str) -> Written:
    """Of an API that is found at this root. Once a process: it takes a tenth of a second, and is the same for everybody."""
    content = Response(api.get_openapi_schema(path_prefix=root)).content
    return Written(content, f'"{sha256(content).hexdigest()[:32]}"')


def _here() -> Written:
    return _written(api.get_root_path({}))


@condition(etag_func=lambda request: _here().tag)
def _as_json(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_here().content, content_type="application/json")


def _made() -> Api:
    api = Api(
        title="Threeslot",
        version="1",
        description=DESCRIPTION,
        docs=Docs(),
        urls_namespace="api",
        openapi_extra={"info": {"license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}}},
    )
    for router in (files.router, bin.router, teams.router, loans.router, events.router):
        api.add_router("", router)
    for fault in (Problem, ValidationError, AuthenticationError, HttpError, Exception):
        api.add_exception_handler(fault, handle)
    return api


def _open(view: Callable[..., Any] | None) -> View:
    """No sign-in before it: the calls ask for their token themselves, and the description has nothing to hide. What the framework
    refuses by itself is told as a problem, too."""

    assert view is not None  # a pattern of ninja's has one

    @login_not_required
    @csrf_exempt
    @wraps(view)
    def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = view(request, *args, **kwargs)
        if response.status_code != 405:
            return response
        allowed = response.headers["Allow"]
        detail = _("This address has no %(verb)s. It has: %(allowed)s.") % {"verb": request.method, "allowed": allowed}
        return answer(Problem(405, "method-not-allowed", detail, headers={"Allow": allowed}))

    return opened


def _nothing(request: HttpRequest, rest: str = "") -> HttpResponse:
    return answer(not_found())


def urls() -> tuple[list[URLPattern], str, str]:
    """All of it, for `include`; what is not there is answered as a problem."""
    patterns, app, namespace = api.urls
    ours = [each for each in patterns if isinstance(each, URLPattern) and each.name != "api-root"]
    for each in ours:
        if each.name == "openapi-json":
            each.callback = _as_json
        is_page = each.name in ("openapi-json", "openapi-view")
        each.callback = _open(require_safe(each.callback) if is_page else each.callback)
    rest = [path("", _open(_nothing), name="api-root"), path("<path:rest>", _open(_nothing), name="nothing")]
    return [*ours, *rest], app, namespace


api = _made()
