"""Login, logout, password."""

from django.contrib.auth.decorators import login_required
from django.urls import path

from tenants.views import login

urlpatterns = [
    path("login/", login.Login.as_view(), name="login"),
    path("logout/", login.Logout.as_view(), name="logout"),
    path("password/", login_required(login.ChangePassword.as_view()), name="password"),
]
