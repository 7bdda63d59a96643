"""What the fields of an imported table are called."""

from django import template

from dispatch.importing import field_name

register = template.Library()
register.filter(field_name)
