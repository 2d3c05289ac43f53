"""The form that adds a host, and the one that changes its limits."""

from __future__ import annotations

from typing import Any

from django import forms

from hosts.models import Host
from hosts.services import AddHost
from kvmweb.forms import KvmwebForm


class HostForm(KvmwebForm):
    name = forms.CharField(max_length=63, help_text="Lower-case letters, digits and hyphens.")
    kind = forms.ChoiceField(choices=Host.Kind.choices, label="Reached by")
    socket_path = forms.CharField(
        max_length=107,
        required=False,
        label="Socket",
        help_text="Of a libvirtd, such as /run/libvirt/libvirt-sock. Leave it empty for this machine.",
    )
    description = forms.CharField(max_length=2000, required=False)

    def as_request(self) -> AddHost:
        return AddHost(**self.cleaned_data)


class HostLimitsForm(KvmwebForm):
    name = forms.CharField(max_length=63)
    description = forms.CharField(max_length=2000, required=False)
    acceleration_choice = forms.ChoiceField(choices=Host.Acceleration.choices, label="New guests use")
    cpu_overcommit = forms.FloatField(label="vCPUs per CPU")
    memory_overcommit = forms.FloatField(label="Memory overcommit")
    memory_reserved_mib = forms.IntegerField(label="Memory kept for the host", help_text="MiB")

    @classmethod
    def initial_of(cls, host: Host) -> dict[str, Any]:
        return {name: getattr(host, name) for name in cls.base_fields}

    def changes(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if self.initial.get(name) != value}


class RemoveHostForm(KvmwebForm):
    forget = forms.BooleanField(required=False, label="It will not come back: forget it, with the copies of images and disks on it")
    with_guests = forms.BooleanField(required=False, label="Forget its guests, too")
    confirm_name = forms.CharField(max_length=63, required=False)
