"""Pages of hosts. `hosts/<id>/` itself is in kvmweb.pages."""

from django.urls import path

from hosts import views

urlpatterns = [
    path("", views.host_list, name="hosts"),
    path("new/", views.add, name="host-add"),
    path("<str:host_id>/change/", views.change, name="host-change"),
    path("<str:host_id>/enable/", views.enable, {"enabled": True}, name="host-enable"),
    path("<str:host_id>/disable/", views.enable, {"enabled": False}, name="host-disable"),
    path("<str:host_id>/preflight/", views.preflight, name="host-preflight"),
    path("<str:host_id>/remove/", views.remove, name="host-remove"),
]
