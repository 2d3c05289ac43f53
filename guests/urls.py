"""Pages of virtual machines. The console page is the console room's."""

from django.urls import path

from guests.views import changes, create, pages, transfer

urlpatterns = [
    path("", pages.guest_list, name="guests"),
    path("new/", create.create, name="guest-create"),
    path("new/effect/", create.create_effect, name="guest-create-effect"),
    path("<str:guest_id>/", pages.guest, name="guest"),
    path("<str:guest_id>/menu/", pages.menu, name="guest-menu"),
    path("<str:guest_id>/edit/", changes.edit, name="guest-edit"),
    path("<str:guest_id>/edit/effect/", changes.edit_effect, name="guest-edit-effect"),
    path("<str:guest_id>/transfer/", transfer.transfer, name="guest-transfer"),
    path("<str:guest_id>/transfer/effect/", transfer.transfer_effect, name="guest-transfer-effect"),
    path("<str:guest_id>/delete/", changes.delete, name="guest-delete"),
]
