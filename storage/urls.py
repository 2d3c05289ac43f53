"""Pages of images."""

from django.urls import path

from storage import views

urlpatterns = [
    path("", views.image_list, name="images"),
    path("import/", views.import_file, name="image-import"),
    path("build/<str:recipe>/", views.build, name="image-build"),
    path("<str:image_id>/delete/", views.delete, name="image-delete"),
]
