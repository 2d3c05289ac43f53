"""One's own SSH keys."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import SshKeyForm
from accounts.models import SshKey
from accounts.services import create_ssh_key, delete_ssh_key
from kvmweb.requests import PageRequest


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def ssh_keys(request: PageRequest) -> HttpResponse:
    form = SshKeyForm(request.POST or None)
    if form.is_valid():
        with form.showing_refusals():
            key = create_ssh_key(request.actor, None, **form.cleaned_data)
            messages.success(request, f"{key.name} is kept. New guests can be given it.")
            return redirect("account_ssh_keys")
    context = {"form": form, "keys": SshKey.objects.visible_to(request.actor)}
    return render(request, "account/ssh_keys.html", context, status=422 if form.is_bound else 200)


@login_required
@require_POST
def delete(request: PageRequest, ssh_key_id: UUID) -> HttpResponse:
    key = SshKey.objects.get_visible(request.actor, ssh_key_id)
    delete_ssh_key(request.actor, None, key)
    messages.success(request, f"{key.name} is forgotten. Guests that were made with it keep it.")
    return redirect("account_ssh_keys")
