"""What stays, since something else is about it; and who is at it."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from skills.models import Worker

Deleted = tuple[list[Any], dict[str, int], set[str], list[Any]]


def kept_by(relation: str) -> Callable[..., Deleted]:
    """What would be deleted with these. What has such a relation stays, and one look tells: Django would read and list all of the
    other side, which may be a million files, only to say the same."""

    def get_deleted_objects(
        shown: admin.ModelAdmin, objs: Sequence[Any] | QuerySet[Any], request: HttpRequest
    ) -> Deleted:
        meta = shown.model._meta
        these = shown.model._default_manager.filter(pk__in=[each.pk for each in objs], **{f"{relation}__isnull": False})
        if these.exists():
            return [], {}, set(), [meta.get_field(relation).related_model._meta.verbose_name_plural]
        return admin.ModelAdmin.get_deleted_objects(shown, objs, request)

    return get_deleted_objects


def person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # the administration lets nobody else in
    return request.user
