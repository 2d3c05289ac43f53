"""Pages of virtual machines. The console page is the console room's."""

from django.urls import path

from guests.views import pages

urlpatterns = [
    path("", pages.guest_list, name="guests"),
    path("<str:guest_id>/", pages.guest, name="guest"),
    path("<str:guest_id>/menu/", pages.menu, name="guest-menu"),
]
