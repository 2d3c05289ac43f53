"""What every page's form shares: our classes on the widgets, and a service's refusal shown beside the field it is about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.db.models import QuerySet

from kvmweb.errors import Conflict, InvalidInput, KvmwebError

CLASSES = {
    forms.Select: "select",
    forms.Textarea: "textarea",
    forms.CheckboxInput: "",
    forms.RadioSelect: "",
    forms.SelectMultiple: "select",
}


def dress(form: forms.BaseForm) -> None:
    for name, field in form.fields.items():
        css = next((css for kind, css in CLASSES.items() if type(field.widget) is kind), "input")
        if css:
            field.widget.attrs.setdefault("class", css)
        field.widget.attrs.setdefault("autocomplete", "off") if not name.endswith("password") else None


class KvmwebForm(forms.Form):
    """`refusal`: the error of the service that said no, for the top of the form."""

    refusal: KvmwebError | None = None
    aliases: dict[str, str] = {}
    """A service's name of a field -> this form's, where they differ."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        dress(self)

    def choose_from(self, name: str, rows: QuerySet[Any]) -> None:
        """What the choice field `name` offers and accepts: rows the actor may see."""
        field = self.fields[name]
        if not isinstance(field, forms.ModelChoiceField):
            raise TypeError(f"{name} does not choose from rows.")
        field.queryset = rows

    @contextmanager
    def showing_refusals(self) -> Iterator[None]:
        """Around the call of a service: what it refuses becomes this form's errors. Rights and bugs go on to their pages."""
        try:
            yield
        except InvalidInput as error:
            self._show(error)
        except Conflict as error:
            self.refusal = error

    def _show(self, error: InvalidInput) -> None:
        unknown: dict[str, list[str]] = {}
        for name, sentences in error.fields.items():
            own = name.removeprefix("cloud_init.").split(".")[0]
            own = self.aliases.get(own, own)
            if own in self.fields:
                self.add_error(own, sentences)
            else:
                unknown[name] = sentences
        if unknown or not error.fields:
            self.refusal = error if not unknown else InvalidInput(fields=unknown, hint=error.hint)

    @property
    def is_refused(self) -> bool:
        return self.refusal is not None or bool(self.errors)
