"""Forms of the admin's quota pages: each limit is the default, none, or a number; many tenants at once may also be raised by a number."""

from __future__ import annotations

from typing import Any

from django import forms

from kvmweb.words import AMOUNTS, FIELD_UNITS
from tenants.models import Quota, QuotaDefault, TenantQuota
from tenants.quota.counting import Limits
from tenants.services.quotas import DEFAULT, LARGEST, LONGEST_REASON, Limit, own_limits

OWN, NONE, LEAVE, RAISE = "own", "none", "leave", "raise"
KIND_WORDS = {OWN: "limit", NONE: "no limit", DEFAULT: "the default", LEAVE: "leave as it is", RAISE: "raise by"}


def kind_field(name: str) -> str:
    return f"{name}_kind"


def fields_of(*kinds: str) -> dict[str, forms.Field]:
    """For each resource how it is limited, and the number."""
    fields: dict[str, forms.Field] = {}
    for name in Quota.RESOURCES:
        unit = FIELD_UNITS.get(name, "")
        label = AMOUNTS[name][0] + (f" ({unit})" if unit else "")
        choices = [(kind, KIND_WORDS[kind]) for kind in kinds]
        fields[kind_field(name)] = forms.ChoiceField(choices=choices, label=label, widget=forms.Select({"aria-label": f"{label}: how"}))
        number = forms.NumberInput({"aria-label": f"{label}: number", "class": "vIntegerField"})
        fields[name] = forms.IntegerField(required=False, min_value=0, max_value=LARGEST, label="", widget=number)
    return fields


class NumbersMixin(forms.BaseForm):
    """A kind that needs a number has one."""

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        for name in Quota.RESOURCES:
            if given.get(kind_field(name)) in (OWN, RAISE) and given.get(name) is None and name not in self.errors:
                self.add_error(name, "Fill in a number.")
        return given

    def limit(self, name: str) -> Limit:
        kind = self.cleaned_data[kind_field(name)]
        return self.cleaned_data[name] if kind == OWN else DEFAULT if kind == DEFAULT else None


class LimitsForm(NumbersMixin, forms.ModelForm):
    """`limits()`: only what was changed."""

    reason = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        widget=forms.Textarea({"rows": 2, "class": "vLargeTextField"}),
        label="Why",
        help_text="Kept in the history.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before = self.limits_before()
        for name, limit in self.before.items():
            self.initial[kind_field(name)] = DEFAULT if limit == DEFAULT else NONE if limit is None else OWN
            self.initial[name] = limit if isinstance(limit, int) else None

    def limits_before(self) -> dict[str, Limit]:
        raise NotImplementedError

    def limits(self) -> dict[str, Limit]:
        given = {name: self.limit(name) for name in Quota.RESOURCES}
        return {name: limit for name, limit in given.items() if limit != self.before[name]}


class BaseTenantQuotaForm(LimitsForm):
    class Meta:
        model = TenantQuota
        fields = ()

    def limits_before(self) -> dict[str, Limit]:
        return own_limits(Quota.objects.filter(tenant_id=self.instance.pk).first())


class BaseDefaultQuotaForm(LimitsForm):
    class Meta:
        model = QuotaDefault
        fields = ()

    def limits_before(self) -> dict[str, Limit]:
        return {name: getattr(self.instance, name) for name in Quota.RESOURCES}


class BaseBulkForm(NumbersMixin, forms.Form):
    reason = forms.CharField(max_length=LONGEST_REASON, widget=forms.Textarea({"rows": 2, "class": "vLargeTextField"}), label="Why")

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if not self.errors and all(given.get(kind_field(name)) == LEAVE for name in Quota.RESOURCES):
            raise forms.ValidationError("Choose at least one limit to change.")
        return given

    def limits_for(self, own: dict[str, Limit], now: Limits) -> dict[str, Limit]:
        """What would change for a tenant with these limits of its own, which come to `now`."""
        wanted: dict[str, Limit] = {}
        for name in Quota.RESOURCES:
            kind, limit = self.cleaned_data[kind_field(name)], now[name]
            if kind == RAISE and limit is not None:
                wanted[name] = min(limit + self.cleaned_data[name], LARGEST)
            elif kind not in (LEAVE, RAISE):
                wanted[name] = self.limit(name)
        return {name: limit for name, limit in wanted.items() if limit != own[name]}


TenantQuotaForm = type("TenantQuotaForm", (BaseTenantQuotaForm,), fields_of(DEFAULT, NONE, OWN))
DefaultQuotaForm = type("DefaultQuotaForm", (BaseDefaultQuotaForm,), fields_of(NONE, OWN))
BulkForm = type("BulkForm", (BaseBulkForm,), fields_of(LEAVE, OWN, RAISE, NONE, DEFAULT))
