"""Lines of a form in the administration, written without a template, as `backoffice.form_parts` writes what stands in them.

They are Django's `admin/includes/fieldset.html`, which looks at each field twenty times.
"""

from typing import Any

from django import template
from django.contrib.admin.helpers import AdminField, AdminReadonlyField, Fieldline
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.filter
def written(line: Fieldline) -> SafeString:
    fields = list(line)
    names = "".join(f" field-{name}" for each in fields if (name := _of(each, "name")))
    hidden = "" if line.has_visible_field else " hidden"
    if len(fields) > 1:
        inner = "".join(_field(each, is_alone=False) for each in fields)
        return mark_safe(  # noqa: S308 fields write themselves, safely
            f'<div class="form-row{hidden}{names}"><div class="flex-container form-multiline">{inner}</div></div>'
        )
    errors, inner = line.errors(), "".join(_field(each, is_alone=True) for each in fields)
    wrong = " errors" if errors else ""
    return mark_safe(f'<div class="form-row{wrong}{hidden}{names}">{errors}{inner}</div>')  # noqa: S308 as above


def _field(shown: AdminField | AdminReadonlyField, *, is_alone: bool) -> str:
    hidden, classes, errors = " hidden" if _of(shown, "is_hidden") else "", "flex-container", ""
    if not is_alone:
        errors = "" if isinstance(shown, AdminReadonlyField) else shown.errors()
        named = f" field-{name}" if (name := _of(shown, "name")) else ""
        classes += f" fieldBox{named}{' errors' if errors else ''}{hidden}"
    if shown.is_checkbox:
        inner = f"{shown.field}{shown.label_tag()}"
        classes += " checkbox-row"
    elif isinstance(shown, AdminReadonlyField):
        inner = f'{shown.label_tag()}<div class="readonly">{shown.contents()}</div>'
    else:
        inner = f"{shown.label_tag()}{shown.field}"
    helped = ""
    if text := _of(shown, "help_text"):
        named = f' id="{key}_helptext"' if (key := _of(shown, "id_for_label")) else ""
        helped = f'<div class="help{hidden}"{named}><div>{text}</div></div>'
    return f'<div>{errors}<div class="{classes}">{inner}</div>{helped}</div>'


def _of(shown: AdminField | AdminReadonlyField, name: str) -> Any:
    """What can only be read has no field of a form, but a dictionary that is like one."""
    return shown.field.get(name) if isinstance(shown.field, dict) else getattr(shown.field, name)
