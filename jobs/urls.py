"""Pages of jobs."""

from django.urls import path

from jobs import views

urlpatterns = [
    path("", views.job_list, name="jobs"),
    path("<str:job_id>/", views.job, name="job"),
]
