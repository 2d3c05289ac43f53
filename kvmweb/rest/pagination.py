"""Keyset paging: {"next", "previous", "results"}, flat in the number of rows."""

from rest_framework.pagination import CursorPagination


class KeysetPagination(CursorPagination):
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = "-created_at"
