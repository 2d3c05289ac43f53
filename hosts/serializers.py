"""What REST takes and answers about hosts."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from hosts.models import Host, HostState
from kvmweb.rest.fields import Choice, Flag, Line, Name, Number, StrictSerializer, Text, Whole
from kvmweb.rest.pagination import PageQuery, both_ways, ordering_field, search_field

HOST_ORDERINGS = both_ways({"name": ("name",), "state": ("state", "name"), "created_at": ("created_at", "id")})
LATER_KINDS = ("ssh", "tls", "tcp")


class HostQuery(PageQuery):
    search = search_field()
    ordering = ordering_field(HOST_ORDERINGS, "name")
    state = serializers.ChoiceField(choices=HostState.values, required=False)


class UnmanagedQuery(PageQuery):
    ordering = ordering_field(both_ways({"name": ("name", "id")}), "name")


class HostSettings(StrictSerializer):
    """What an operator chooses about a host, at first or later."""

    description = Text(max_length=2000, allow_blank=True, required=False)
    acceleration_choice = Choice(choices=Host.Acceleration.choices, required=False)
    cpu_overcommit = Number(min_value=0.1, max_value=64, required=False)
    memory_overcommit = Number(min_value=0.1, max_value=16, required=False)
    memory_reserved_mib = Whole(max_value=16 * 1024**2, required=False)


class CreateHost(HostSettings):
    later = ("address", "port", "username", "ssh_key_id")
    name = Name()
    kind = Choice(choices=Host.Kind.choices)
    socket_path = Line(
        max_length=200, allow_blank=True, required=False, help_text="Of kinds unix and test: libvirt's socket on this machine."
    )

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and data.get("kind") in LATER_KINDS:
            raise serializers.ValidationError({"kind": [f"Not supported yet. Choose one of {', '.join(Host.Kind.values)}."]})
        return super().to_internal_value(data)


class ChangeHost(HostSettings):
    name = Name(required=False)
    is_enabled = Flag(required=False)


class RemoveHost(StrictSerializer):
    forget = Flag(default=False, help_text="It will not come back: ask nothing of it, and answer what is left behind there.")
    with_guests = Flag(default=False, help_text="With forget: its guests are forgotten, too.")
    confirm_name = Line(max_length=63, default="", allow_blank=True, help_text="With forget: the host's name.")


# -- answers, for the document only -----------------------------------------------------------------------------------------------


class HostShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Host.Kind.choices)
    kind_label = serializers.CharField()
    socket_path = serializers.CharField()
    description = serializers.CharField()
    is_enabled = serializers.BooleanField()
    state = serializers.ChoiceField(choices=HostState.choices)
    state_label = serializers.CharField()
    state_since = serializers.DateTimeField(allow_null=True)
    state_reason = serializers.CharField()
    is_stale = serializers.BooleanField()
    observed_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    hostname = serializers.CharField()
    host_uuid = serializers.CharField()
    driver = serializers.CharField()
    libvirt_version = serializers.CharField()
    hypervisor_version = serializers.CharField()
    architecture = serializers.CharField()
    cpu_model = serializers.CharField()
    cpus = serializers.IntegerField()
    cpu_sockets = serializers.IntegerField()
    cpu_cores = serializers.IntegerField()
    cpu_threads = serializers.IntegerField()
    cpu_mhz = serializers.IntegerField()
    numa_nodes = serializers.IntegerField()
    machines = serializers.ListField()
    memory_mib = serializers.IntegerField()
    memory_free_mib = serializers.IntegerField()
    cpu_percent = serializers.FloatField(allow_null=True)
    acceleration = serializers.CharField(help_text="kvm, or qemu: software emulation.")
    acceleration_choice = serializers.ChoiceField(choices=Host.Acceleration.choices)
    acceleration_label = serializers.CharField()
    acceleration_reason = serializers.CharField()
    cpu_overcommit = serializers.FloatField()
    memory_overcommit = serializers.FloatField()
    memory_reserved_mib = serializers.IntegerField()
    vcpus_capacity = serializers.IntegerField()
    memory_capacity_mib = serializers.IntegerField()
    guests = serializers.IntegerField()
    guests_running = serializers.IntegerField()
    unmanaged = serializers.IntegerField()
    vcpus_allocated = serializers.IntegerField()
    memory_allocated_mib = serializers.IntegerField()


class UnmanagedShape(serializers.Serializer):
    domain_uuid = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.CharField()
    vcpus = serializers.IntegerField()
    memory_mib = serializers.IntegerField()
    first_seen_at = serializers.DateTimeField()


class LeftBehindNames(serializers.Serializer):
    guests = serializers.ListField(child=serializers.CharField())
    volumes = serializers.ListField(child=serializers.CharField(), help_text="pool/volume")


class LeftBehindShape(serializers.Serializer):
    left_behind = LeftBehindNames()
