"""The page of images: the list, building from a recipe, importing a file, deleting."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jobs.selectors import active_jobs_for
from kvmweb.paging import page_of
from kvmweb.requests import PageRequest, dialog, is_fragment, to
from storage import selectors
from storage.forms import ConfirmForm, ImportImageForm
from storage.payload import image_payload
from storage.recipe_list import RECIPES
from storage.services.images import build_image, delete_image, import_image
from tenants.policy import why_not
from tenants.sessions import follows_choice, tenant_in_url


@login_required
@require_safe
@follows_choice
def image_list(request: PageRequest) -> HttpResponse:
    search = request.GET.get("search", "").strip()
    rows = selectors.image_list(request.actor, search=search, tenant=tenant_in_url(request))
    page = page_of(rows, request.GET.get("page", ""))
    jobs = active_jobs_for([image.pk for image in page.rows])
    built = selectors.recipes_built(request.actor)
    context = {
        "images": [{**image_payload(image, request.actor), "job": jobs.get(image.pk)} for image in page.rows],
        "page": page,
        "search": search,
        "recipes": [recipe for recipe in RECIPES.values() if recipe.name not in built],
        "why_not_build": why_not(request.actor, "image.build", None),
        "why_not_import": why_not(request.actor, "image.create_public", None),
    }
    return render(request, "storage/_list.html" if is_fragment(request) else "storage/list.html", context)


@login_required
@require_POST
def build(request: PageRequest, recipe: str) -> HttpResponse:
    build_image(request.actor, recipe)
    return to(request, "/images/")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def import_file(request: PageRequest) -> HttpResponse:
    form = ImportImageForm(request.actor, request.POST or None)
    if form.is_valid():
        with form.showing_refusals():
            import_image(request.actor, form.cleaned_data["tenant"], **form.arguments())
            return to(request, "/images/")
    return dialog(request, "storage/_import.html", {"form": form}, refused=form.is_bound)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: PageRequest, image_id: str) -> HttpResponse:
    image = selectors.image_for(request.actor, image_id)
    form = ConfirmForm()
    if request.method == "POST":
        with form.showing_refusals():
            delete_image(request.actor, image)
            return to(request, "/images/")
    return dialog(request, "storage/_delete.html", {"image": image, "form": form}, refused=request.method == "POST")
