"""The form that imports an image file from the server's import folder."""

from __future__ import annotations

from typing import Any

from django import forms

from kvmweb.forms import KvmwebForm
from kvmweb.words import size_of_bytes
from storage.models import Image
from storage.services.images import importable_files
from tenants.actor import Actor
from tenants.models import Tenant
from tenants.selectors import tenants_for


class ImportImageForm(KvmwebForm):
    aliases = {"checksum": "checksum"}

    file_name = forms.ChoiceField(label="File in the import folder")
    name = forms.CharField(max_length=63, help_text="Lower-case letters, digits, dots and hyphens.")
    kind = forms.ChoiceField(choices=Image.Kind.choices, initial=Image.Kind.DISK)
    tenant = forms.ModelChoiceField(Tenant.objects.none(), required=False, empty_label="Everybody (public)", label="For")
    os = forms.CharField(max_length=40, required=False, label="System", help_text="Such as debian12.")
    description = forms.CharField(max_length=4096, required=False)
    min_memory_mib = forms.IntegerField(min_value=0, max_value=1048576, required=False, label="Least memory", help_text="MiB")
    has_cloud_init = forms.BooleanField(required=False, label="It reads cloud-init data")
    checksum = forms.CharField(max_length=64, required=False, label="SHA-256 it must have")

    def __init__(self, actor: Actor, data: Any = None) -> None:
        super().__init__(data)
        self.importable = importable_files(actor)
        self.fields["file_name"].choices = [(file.name, f"{file.name}, {size_of_bytes(file.size_bytes)}") for file in self.importable]  # type: ignore[attr-defined]
        self.choose_from("tenant", tenants_for(actor, "image.create"))

    def arguments(self) -> dict[str, Any]:
        given = {name: value for name, value in self.cleaned_data.items() if name != "tenant"}
        return {**given, "min_memory_mib": given["min_memory_mib"] or 0}


class ConfirmForm(KvmwebForm):
    """Nothing to fill in: a button, and a place for the refusal."""
