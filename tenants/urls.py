"""Login, logout, password."""

from django.contrib.auth.decorators import login_required
from django.urls import path

from tenants import views

urlpatterns = [
    path("login/", views.Login.as_view(), name="login"),
    path("logout/", views.Logout.as_view(), name="logout"),
    path("password/", login_required(views.ChangePassword.as_view()), name="password"),
]
