"""Forms of virtual machines. They turn text into rows the actor may see and numbers; what is allowed is the services' business."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import SshKey
from guests.models import Guest, GuestState
from guests.plan import gib_for
from guests.requests import CloudInitRequest, CreateGuest
from guests.services.checks import MEMORY_MIB, VCPUS
from guests.services.placement import choose_place
from hosts.models import Host
from hosts.selectors import host_list
from kvmweb.errors import KvmwebError
from kvmweb.forms import KvmwebForm
from networks.models import Network
from networks.selectors import network_list
from storage.models import Image
from storage.selectors import image_list
from tenants.actor import Actor
from tenants.models import Tenant
from tenants.quota.meters import Effects, effects_of
from tenants.selectors import tenants_for

SIZES = (("Tiny", 1, 256), ("Small", 1, 1024), ("Medium", 2, 4096), ("Large", 4, 8192), ("Huge", 8, 16384))


SIZES_OF_GUEST = ("vcpus", "memory_mib")


class NetworkField(forms.ModelChoiceField):
    def label_from_instance(self, network: Any) -> str:
        return f"{network.name} on {network.host.name}" if network.tenant_id is None else network.name


def _networks_for(actor: Actor) -> QuerySet[Network]:
    """A shared network is one of many of its name, and says which host: tenants take the default of the host they get."""
    usable = network_list(actor).filter(is_active=True, is_missing=False)
    return usable if actor.sees_everything else usable.filter(tenant__isnull=False)


class CreateGuestForm(KvmwebForm):
    aliases = {"source": "image", "nics": "network", "clone": "clone_mode", "host": "host"}

    name = forms.CharField(
        max_length=63, help_text="Lower-case letters, digits and hyphens.", widget=forms.TextInput({"spellcheck": "false"})
    )
    tenant = forms.ModelChoiceField(Tenant.objects.none(), label="Owner", empty_label=None)
    image = forms.ModelChoiceField(Image.objects.none(), widget=forms.RadioSelect, error_messages={"required": "Choose an image."})
    vcpus = forms.IntegerField(label="Processors", min_value=1, max_value=256, initial=1)
    memory_mib = forms.IntegerField(label="Memory", min_value=64, max_value=4194304, initial=1024)
    disk_gib = forms.IntegerField(label="Disk", min_value=0, max_value=65536, required=False, help_text="Empty: as large as the image.")
    clone_mode = forms.ChoiceField(
        label="Disk is",
        required=False,
        choices=[("overlay", "Copy on write: made at once"), ("full", "Full copy: stands alone")],
    )
    network = NetworkField(Network.objects.none(), required=False, empty_label="The host's default network")
    user = forms.CharField(max_length=32, required=False, label="User name")
    password = forms.CharField(max_length=128, required=False, strip=False, widget=forms.PasswordInput({"autocomplete": "new-password"}))
    own_keys = forms.ModelMultipleChoiceField(
        SshKey.objects.none(), required=False, label="Your SSH keys", widget=forms.CheckboxSelectMultiple({"class": ""})
    )
    ssh_keys = forms.CharField(
        required=False,
        label="SSH public keys",
        widget=forms.Textarea({"rows": 3, "placeholder": "ssh-ed25519 AAAA… you@laptop", "spellcheck": "false"}),
    )
    user_data = forms.CharField(
        required=False,
        strip=False,
        label="Or whole user-data",
        widget=forms.Textarea({"rows": 6, "placeholder": "#cloud-config", "spellcheck": "false"}),
    )
    host = forms.ModelChoiceField(Host.objects.none(), required=False, empty_label="Automatic: the host with most room", label="Host")
    count = forms.IntegerField(label="How many", min_value=1, max_value=50, initial=1, required=False)
    start = forms.BooleanField(label="Start it when it is made", required=False, initial=True)
    tags = forms.CharField(max_length=400, required=False, help_text="Separated by spaces.")
    description = forms.CharField(max_length=4096, required=False, widget=forms.Textarea({"rows": 2}))

    def __init__(self, actor: Actor, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.actor = actor
        tenants = tenants_for(actor, "guest.create")
        usable = (Image.State.READY, Image.State.BUILDING)
        images = image_list(actor).filter(kind__in=(Image.Kind.DISK, Image.Kind.CLOUD), state__in=usable)
        self.choose_from("tenant", tenants)
        self.choose_from("image", images)
        self.choose_from("network", _networks_for(actor))
        self.choose_from("own_keys", SshKey.objects.visible_to(actor))
        if actor.is_operator:
            self.choose_from("host", host_list(actor).filter(is_enabled=True))
        else:
            del self.fields["host"]
        self.images = list(images)
        self.tenants = list(tenants)
        self.sizes = SIZES

    @property
    def owner(self) -> Tenant:
        tenant: Tenant = self.cleaned_data["tenant"]
        return tenant

    @property
    def chosen_image(self) -> str:
        ready = [str(image.pk) for image in self.images if image.state == Image.State.READY]
        return str(self["image"].value() or (ready[0] if ready else ""))

    def as_request(self) -> CreateGuest:
        given = self.cleaned_data
        return CreateGuest(
            name=given["name"],
            image=given["image"],
            vcpus=given["vcpus"],
            memory_mib=given["memory_mib"],
            disk_gib=given.get("disk_gib") or 0,
            count=given.get("count") or 1,
            clone_mode=given.get("clone_mode") or "overlay",
            networks=(given["network"],) if given.get("network") else (),
            cloud_init=self._login(),
            host=given.get("host"),
            start=given["start"],
            tags=tuple(given["tags"].replace(",", " ").split()),
            description=given["description"],
        )

    def _login(self) -> CloudInitRequest | None:
        given = self.cleaned_data
        typed = [line.strip() for line in given["ssh_keys"].splitlines() if line.strip()]
        keys = tuple(dict.fromkeys([*(key.public_key for key in given["own_keys"]), *typed]))
        if not given["image"].has_cloud_init or not (given["user"] or given["password"] or given["user_data"].strip() or keys):
            return None
        return CloudInitRequest(user=given["user"], password=given["password"], ssh_keys=keys, user_data=given["user_data"].strip())

    def effect(self) -> dict[str, Any]:
        """What the tenant would use afterwards, and where it would go. Works on a form that is not yet complete."""
        self.is_valid()
        given = getattr(self, "cleaned_data", {})
        tenant = given.get("tenant") or (self.tenants[0] if self.tenants else None)
        return {"tenant": tenant, "quota": self._quota(tenant) if tenant else None, "place": self._place(tenant) if tenant else {}}

    def _quota(self, tenant: Tenant) -> Effects:
        given, image = self.cleaned_data, self.cleaned_data.get("image")
        count = given.get("count") or 1
        disk_gib = given.get("disk_gib") or (gib_for(image.virtual_size_bytes) if image else 0)
        size = {"vcpus": given.get("vcpus") or 0, "memory_mib": given.get("memory_mib") or 0, "disk_gib": disk_gib}
        each = {"guests": 1, **size, "running_jobs": 1}
        return effects_of(self.actor, tenant, **{resource: amount * count for resource, amount in each.items()})

    def _place(self, tenant: Tenant) -> dict[str, str]:
        if not self.cleaned_data.get("image") or {"vcpus", "memory_mib"} & set(self.errors):
            return {}
        texts = dict.fromkeys(("tags", "description", "ssh_keys", "user_data", "user", "password"), "")
        complete = {**texts, "name": "x", "own_keys": (), "start": True}
        self.cleaned_data = {**complete, **self.cleaned_data}
        try:
            with transaction.atomic():
                place = choose_place(self.actor, tenant, self.as_request())
                # Placing locks the hosts for a moment: nothing was written, and the lock goes with the rollback.
                transaction.set_rollback(True)
        except KvmwebError as error:
            return {"problem": error.message, "hint": error.hint}
        return {"host": place.host.name, "reason": place.reason} if self.actor.sees_everything else {"room": "yes"}


class DeleteGuestForm(KvmwebForm):
    confirm_name = forms.CharField(max_length=63, label="Type its name to confirm")
    delete_disks = forms.BooleanField(required=False, initial=True, label="Delete its disks and everything on them")


class EditGuestForm(KvmwebForm):
    """The size can be changed while the guest is off; else its fields are there to be read."""

    name = forms.CharField(max_length=63)
    vcpus = forms.IntegerField(label="Processors", min_value=VCPUS[0], max_value=VCPUS[1])
    memory_mib = forms.IntegerField(label="Memory (MiB)", min_value=MEMORY_MIB[0], max_value=MEMORY_MIB[1])
    description = forms.CharField(max_length=4096, required=False, widget=forms.Textarea({"rows": 3}))
    tags = forms.CharField(max_length=400, required=False, help_text="Separated by spaces.")
    is_protected = forms.BooleanField(required=False, label="Protect it from being deleted")
    autostart = forms.BooleanField(required=False, label="Start it with its host")

    def __init__(self, actor: Actor, guest: Guest, data: Any = None) -> None:
        super().__init__(data, initial=self.initial_of(guest))
        self.actor, self.guest = actor, guest
        self.is_off = guest.state == GuestState.SHUTOFF
        for name in SIZES_OF_GUEST:
            self.fields[name].disabled = not self.is_off
        if not self.is_off:
            self.fields["memory_mib"].help_text = "Shut it down to change its processors and memory."

    @staticmethod
    def initial_of(guest: Guest) -> dict[str, Any]:
        return {
            "name": guest.name,
            "vcpus": guest.vcpus,
            "memory_mib": guest.memory_mib,
            "description": guest.description,
            "tags": " ".join(guest.tags),
            "is_protected": guest.is_protected,
            "autostart": guest.autostart,
        }

    def changes(self) -> dict[str, Any]:
        """Only what differs from what the dialog showed."""
        given = {**self.cleaned_data, "tags": self.cleaned_data["tags"].replace(",", " ").split()}
        before = {**self.initial, "tags": str(self.initial.get("tags", "")).split()}
        return {name: value for name, value in given.items() if before.get(name) != value}

    def effect(self) -> Effects:
        """What its tenant would use afterwards. Works on a form that is not yet complete."""
        self.is_valid()
        given = getattr(self, "cleaned_data", {})
        more = {name: given[name] - getattr(self.guest, name) for name in SIZES_OF_GUEST if isinstance(given.get(name), int)}
        return effects_of(self.actor, self.guest.tenant, **more)
