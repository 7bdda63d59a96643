"""The parts of forms that pages have by the dozen, written without a template: inputs, selects, labels, and lists of no errors.

They are the same, white space aside. Django has a template for each input and one more for its attributes, and two for each choice
of a select, which took half the time of a page of the administration.
"""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.functional import Promise
from django.utils.translation import gettext as in_django  # texts of its catalogues, not of ours

Context = Mapping[str, Any]
INPUTS = ("input", "text", "number", "email", "url", "password", "hidden", "date", "datetime", "time", "checkbox")


class Renderer(DjangoTemplates):
    """Django's own for everything else."""

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> str:
        written = PARTS[template_name](context) if template_name in PARTS else None
        return super().render(template_name, context, request) if written is None else written


def _input(context: Context) -> str:
    widget = context["widget"]
    value = "" if widget["value"] is None else f' value="{_escaped(widget["value"])}"'
    name = _escaped(widget["name"])
    return f'<input type="{widget["type"]}" name="{name}"{value}{_attributes(widget["attrs"])}>'


def _select(context: Context) -> str | None:
    """None for what has groups, or choices with a template of their own."""
    widget = context["widget"]
    options = [option for _group, options, _index in widget["optgroups"] for option in options]
    if any(group for group, *_rest in widget["optgroups"]) or any(each["template_name"] != OPTION for each in options):
        return None
    written = "".join(
        f'\n  <option value="{_escaped(option["value"])}"{_attributes(option["attrs"])}>'
        f"{_escaped(option['label'])}</option>"
        for option in options
    )
    return f'<select name="{_escaped(widget["name"])}"{_attributes(widget["attrs"])}>{written}\n</select>'


def _checkboxes(context: Context) -> str | None:
    """As `_select`."""
    widget = context["widget"]
    options = [option for _group, options, _index in widget["optgroups"] for option in options]
    if any(group for group, *_rest in widget["optgroups"]) or any(
        each["template_name"] != CHECKBOX for each in options
    ):
        return None
    attributes = {name: widget["attrs"][name] for name in ("id", "class") if widget["attrs"].get(name)}
    written = "".join(f"<div>{_option(option)}</div>" for option in options)
    return f"<div{_attributes(attributes)}>{written}</div>"


def _option(option: Context) -> str:
    written = _input({"widget": option})
    if not option["wrap_label"]:
        return written
    named = {"for": option["attrs"]["id"]} if option["attrs"].get("id") else {}
    return f"<label{_attributes(named)}>{written} {_escaped(option['label'])}</label>"


def _day_and_time(context: Context) -> str:
    """Of the administration."""
    day, time = (_input({"widget": part}) for part in context["widget"]["subwidgets"])
    labels = [_escaped(context[f"{name}_label"]) for name in ("date", "time")]
    return f'<p class="datetime">{labels[0]} {day}<br> {labels[1]} {time}</p>'


def _related(context: Context) -> str:
    """Of the administration: a field, and links to what it chooses."""
    said = {name: _escaped(value) for name, value in context.items()}
    links = "".join(
        f'<a class="related-widget-wrapper-link {act}-related" id="{act}_id_{said["name"]}" {address.format(**said)} '
        f'title="{in_django(title) % said}"><img src="{static(f"admin/img/icon-{act}link.svg")}" alt="" width="24" height="24"></a>'
        for act, address, title in RELATED
        if context[f"can_{act}_related"] and not context["is_hidden"]
    )
    named = "" if context["model_has_limit_choices_to"] else f'data-model-ref="{said["model_name"]}"'
    return f'<div class="related-widget-wrapper" {named}>{said["rendered_widget"]}{links}</div>'


def _label(context: Context) -> str | None:
    if not context["use_tag"]:
        return None
    tag = context["tag"]
    return f"<{tag}{_attributes(context['attrs'] or {})}>{_escaped(context['label'])}</{tag}>"


def _errors(context: Context) -> str | None:
    return None if context["errors"] else ""


def _attributes(attributes: Mapping[str, Any]) -> str:
    return "".join(
        f" {name}" + ("" if value is True else f'="{_escaped(value)}"')
        for name, value in attributes.items()
        if value is not False
    )


def _escaped(value: Any) -> str:
    """As Django's `conditional_escape`, which asks twice of each text whether it is a lazy one."""
    text = str(value) if isinstance(value, Promise) else value
    return text.__html__() if hasattr(text, "__html__") else escape(str(text))


RELATED = (
    (
        "change",
        'data-href-template="{change_related_template_url}?{url_params}" data-popup="yes"',
        "Change selected %(model)s",
    ),
    ("add", 'data-popup="yes" href="{add_related_url}?{url_params}"', "Add another %(model)s"),
    (
        "delete",
        'data-href-template="{delete_related_template_url}?{url_params}" data-popup="yes"',
        "Delete selected %(model)s",
    ),
    ("view", 'data-href-template="{change_related_template_url}?{view_related_url_params}"', "View selected %(model)s"),
)
OPTION = "django/forms/widgets/select_option.html"
CHECKBOX = "django/forms/widgets/checkbox_option.html"
PARTS: dict[str, Callable[[Context], str | None]] = {
    **{f"django/forms/widgets/{name}.html": _input for name in INPUTS},
    "django/forms/widgets/select.html": _select,
    "django/forms/widgets/checkbox_select.html": _checkboxes,
    "admin/widgets/split_datetime.html": _day_and_time,
    "admin/widgets/related_widget_wrapper.html": _related,
    "django/forms/label.html": _label,
    "django/forms/errors/list/default.html": _errors,
    "django/forms/errors/list/ul.html": _errors,
}
