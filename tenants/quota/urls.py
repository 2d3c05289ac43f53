"""Requests for more quota."""

from django.urls import path

from tenants.quota import views

urlpatterns = [
    path("", views.request_list, name="quota-requests"),
    path("new/", views.ask, name="quota-request-add"),
    path("<uuid:request_id>/approve/", views.approve, name="quota-request-approve"),
    path("<uuid:request_id>/decline/", views.decline, name="quota-request-decline"),
    path("<uuid:request_id>/withdraw/", views.withdraw, name="quota-request-withdraw"),
]
