"""Forms of requests for more quota. What may be asked for and decided is the services' business."""

from __future__ import annotations

from typing import Any

from django import forms

from kvmweb.forms import KvmwebForm
from kvmweb.words import AMOUNTS, FIELD_UNITS
from tenants.models import Tenant
from tenants.quota.meters import Meters
from tenants.services.quotas import LARGEST, LONGEST_REASON


class AskForm(KvmwebForm):
    """A field for each limited resource of the tenant, empty for what should stay."""

    reason = forms.CharField(
        max_length=LONGEST_REASON, widget=forms.Textarea({"rows": 3}), label="What for", help_text="An admin reads this and decides."
    )

    def __init__(self, tenant: Tenant, meters: Meters, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.tenant = tenant
        self.limited = [meter for meter in meters if meter.limit is not None]
        for meter in self.limited:
            unit = FIELD_UNITS.get(meter.resource, "")
            self.fields[meter.resource] = forms.IntegerField(
                required=False,
                min_value=0,
                max_value=LARGEST,
                label=AMOUNTS[meter.resource][0] + (f" ({unit})" if unit else ""),
                widget=forms.NumberInput({"class": "input", "placeholder": str(meter.limit), "autocomplete": "off"}),
                help_text=f"In use: {meter.words}.",
            )
        self.order_fields([*(meter.resource for meter in self.limited), "reason"])

    def wanted(self) -> dict[str, int]:
        """Only what was filled in."""
        return {meter.resource: amount for meter in self.limited if (amount := self.cleaned_data.get(meter.resource)) is not None}


class ApproveForm(KvmwebForm):
    message = forms.CharField(
        max_length=LONGEST_REASON,
        required=False,
        widget=forms.Textarea({"rows": 2}),
        help_text="Kept with the request; the tenant reads it.",
    )


class DeclineForm(KvmwebForm):
    message = forms.CharField(
        max_length=LONGEST_REASON, widget=forms.Textarea({"rows": 2}), label="Why not", help_text="The tenant reads it."
    )


class WithdrawForm(KvmwebForm):
    """Yes, and nothing else."""
