"""What a form of the administration changed, inlines too, for the record of its save."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Model
from django.forms import BaseModelForm, BaseModelFormSet

from tenants.audit.diff import redacted


def changes_of(form: BaseModelForm, formsets: Iterable[BaseModelFormSet]) -> dict[str, Any]:
    """{field: [before, after]}; of inlines "membership owen.role", and the whole row where one was added or removed."""
    changes = _of_form(form, "")
    for formset in formsets:
        noun = str(formset.model._meta.verbose_name) if formset.model else ""
        for inline in formset.forms:
            if inline in formset.deleted_forms:
                changes[f"{noun} {inline.instance}"] = ["there", "removed"]
            elif inline.has_changed():
                changes |= _of_form(inline, f"{noun} {inline.instance}.")
    return changes


def _of_form(form: BaseModelForm, prefix: str) -> dict[str, Any]:
    # The form that sets a password belongs to no model.
    model: type[Model] | None = getattr(getattr(form, "_meta", None), "model", None)
    changed = {}
    for name in form.changed_data:
        before = form.get_initial_for_field(form.fields[name], name) if name in form.fields else None
        changed[name] = [_text(before), _text(form.cleaned_data.get(name))]
    return {f"{prefix}{name}": value for name, value in redacted(changed, model=model).items()}


def _text(value: Any) -> Any:
    if isinstance(value, Model):
        return str(value)
    if hasattr(value, "all") or isinstance(value, list | tuple | set):
        return [str(item) for item in (value.all() if hasattr(value, "all") else value)]
    return value if value is None or isinstance(value, bool | int) else str(value)
