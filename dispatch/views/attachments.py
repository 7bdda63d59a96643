"""Attachments of a file over HTTP: add, download, remove. Both acts lead back to the file's page.

Whatever somebody attached, a browser must not run it in our name: it is served as the kind that we took it for, sandboxed, and to
be downloaded unless it is a picture.
"""

import logging

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dispatch import attachments, refusals, rights
from dispatch.models import Attachment, File
from dispatch.views import file as page
from skills.models import Worker

logger = logging.getLogger(__name__)


@rights.only(rights.may_see_files)
@never_cache
def attach(request: HttpRequest, reference: str) -> HttpResponseBase:
    """422 with the page when something is not kept here, and then nothing is; whoever comes by an address gets the page."""
    if request.method != "POST":
        return redirect("file", reference=reference)
    found = get_object_or_404(File.objects.select_related("team"), reference=reference)
    if not rights.may_attach(_person(request), found.team):
        raise PermissionDenied
    try:
        uploads = request.FILES.getlist("documents")
        added = attachments.attach(found, uploads, by=_person(request), now=timezone.now())
    except refusals.Refused as refused:
        return page.page(request, reference, notice=str(refused), status=422)
    text = ngettext("%(name)s is attached.", "%(number)d documents are attached.", len(added))
    messages.success(request, text % {"name": added[0].name, "number": len(added)})
    return page.see(reference)


@rights.only(rights.may_see_files)
@never_cache
def detach(request: HttpRequest, attachment: int) -> HttpResponseBase:
    """409 with the page when somebody removed it before."""
    found = get_object_or_404(Attachment.objects.select_related("file__team"), pk=attachment)
    reference = found.file.reference
    if request.method != "POST":
        return redirect("file", reference=reference)
    now = timezone.now()
    if not rights.may_detach(_person(request), found, now=now):
        raise PermissionDenied
    try:
        attachments.detach(found, by=_person(request), now=now)
    except refusals.Refused as refused:
        return page.page(request, reference, notice=str(refused), status=409)
    messages.success(request, _("%(name)s is removed.") % {"name": found.name})
    return page.see(reference)


@rights.only(rights.may_see_files)
@require_safe
def content(request: HttpRequest, attachment: int) -> HttpResponseBase:
    """The document itself, for the reader alone: kept by no cache on the way."""
    found = get_object_or_404(Attachment, pk=attachment, removed_at=None)
    try:
        opened = attachments.path_of(found.blob).open("rb")
    except FileNotFoundError as missing:
        logger.exception("The content of attachment %s is not on disk", found.pk)
        raise Http404 from missing
    is_shown = found.kind in attachments.SHOWN_IN_THE_BROWSER
    response = FileResponse(opened, as_attachment=not is_shown, filename=found.name, content_type=found.kind)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    patch_cache_control(response, private=True, no_store=True)
    return response


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    return request.user
