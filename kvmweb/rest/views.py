"""What every REST endpoint shares: one transaction per change, and one order of checks.

An endpoint is a method of an ApiView with `@endpoint(...)`, which both documents and checks it: query (400), row (404), role (403),
If-Match (412), body (400), and only then the method, which calls a service and returns what to answer. Nothing here knows a noun.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.db import models, transaction
from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from kvmweb.errors import InvalidInput, KvmwebError, NotFound, Stale
from kvmweb.rest import dry_run, idempotency, rate_limit
from kvmweb.rest.fields import StrictSerializer
from kvmweb.rest.schema import Shape, describe
from tenants import audit, gate
from tenants.actor import Actor
from tenants.authentication import request_actor
from tenants.models import AuditEntry, Tenant, User
from tenants.quota import usage_of

CHANGING = ("POST", "PUT", "PATCH", "DELETE")
Handler = Callable[[Any], Any]


class Nothing(StrictSerializer):
    """No body, no query."""


class ApiView(APIView):
    """`row`, `query` and `body` are set by `@endpoint` before its method runs."""

    row: Any = None
    query: dict[str, Any]
    body: dict[str, Any]
    tenant: Tenant | None = None
    """Whose quota a dry run reports; the row's tenant when not set by the method."""
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]

    @property
    def actor(self) -> Actor:
        return request_actor(self.request)

    def find(self, **ids: Any) -> Any:
        """The row the path names, or NotFound. Called with the path's parameters."""
        return None

    def show(self, row: Any) -> Any:
        """The row as its detail answer shows it: for 412 and for plans."""
        return {"id": str(row.pk), "version": row.version}

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        # A chunked body has no length, and DRF takes that for "no body".
        if not request.META.get("CONTENT_LENGTH") and request.META.get("HTTP_TRANSFER_ENCODING"):
            request.META["CONTENT_LENGTH"] = "-1"
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        rate_limit.check(request)
        super().initial(request, *args, **kwargs)

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """DRF's dispatch, with every change inside one transaction that also keeps the record of a refusal."""
        self.args, self.kwargs = args, kwargs
        self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            self.initial(self.request, *args, **kwargs)
            response = self._change() if self.request.method in CHANGING else self._handle()
        except Exception as error:
            response = self.handle_exception(error)
        self.response = self.finalize_response(self.request, response, *args, **kwargs)
        # Answers depend on who asks, and some hold a secret.
        self.response["Cache-Control"] = "no-store"
        return self.response

    def _handle(self) -> Response:
        # Only names of methods: FIND and SHOW are valid HTTP, and attributes of ours.
        verb = (self.request.method or "").lower()
        handler = getattr(self, verb, None) if verb in self.http_method_names else None
        return (handler or self.http_method_not_allowed)(self.request, *self.args, **self.kwargs)

    def _handled(self) -> Response:
        try:
            return self._handle()
        except Exception as error:
            return self.handle_exception(error)

    def _change(self) -> Response:
        is_dry = wants_dry_run(self.request)
        used_after = None
        with audit.surviving_rollback(is_wanted=not is_dry), transaction.atomic():
            claim = (
                idempotency.Claim()
                if is_dry or self.request.method != "POST"
                else idempotency.claim(self.request, cast(User, self.request.user))
            )
            if claim.answer is not None:
                return claim.answer
            response = self._handled()
            idempotency.keep(claim.record, response)
            if is_dry and (response.status_code < 400 or dry_run.is_refusal(response)):
                used_after = usage_of(self._quota_tenant()) if response.status_code < 400 and self._quota_tenant() else None
                response = Response(dry_run.plan_of(response, self._before))
            if is_dry or response.status_code >= 500:
                transaction.set_rollback(True)
        if is_dry and response.status_code == 200:
            response.data["quota"] = dry_run.quota_effect(self._quota_tenant(), used_after) or dry_run.refused_effect(response.data)
        return response

    _before: Any = None

    def _quota_tenant(self) -> Any:
        return self.tenant.pk if self.tenant is not None else gate.tenant_of(self.row)


def wants_dry_run(request: Request) -> bool:
    text = request.query_params.get("dry_run", "false")
    if text not in ("true", "false"):
        raise InvalidInput(fields={"dry_run": "Send true or false."})
    return text == "true"


def endpoint(
    name: str,
    *,
    answer: Shape | dict[int, Shape],
    query: type[StrictSerializer] = Nothing,
    body: type[StrictSerializer] = Nothing,
    operation: str | Callable[[Any], str] = "",
    summary: str = "",
) -> Callable[[Handler], Any]:
    """`name`: the OpenAPI operation id. `operation`: checked on the row before the body is read, so that 403 comes before 400."""

    def decorate(method: Handler) -> Any:
        @wraps(method)
        def handle(self: ApiView, request: Request, **ids: Any) -> HttpResponseBase:
            is_change = request.method in CHANGING
            self.query = read(query, {key: text for key, text in request.query_params.items() if not (is_change and key == "dry_run")})
            self.row = _find(self, operation, ids)
            if operation:
                _check_role(self, operation if isinstance(operation, str) else operation(self))
            if is_change:
                _check_version(self)
                self.body = read(body, request.data)
                if wants_dry_run(request) and self.row is not None and hasattr(self.row, "version"):
                    self._before = self.show(self.row)
            result = method(self)
            return result if isinstance(result, HttpResponseBase) else Response(result)

        return describe(handle, name=name, answer=answer, query=query, body=body, summary=summary or (method.__doc__ or "").strip())

    return decorate


def read(serializer: type[StrictSerializer], data: Any) -> dict[str, Any]:
    checked = serializer(data=data)
    checked.is_valid(raise_exception=True)
    return dict(checked.validated_data)


def _find(view: ApiView, operation: Any, ids: dict[str, Any]) -> Any:
    try:
        return view.find(**ids)
    except NotFound:
        if isinstance(operation, str) and operation and ids and view.request.method in CHANGING and not wants_dry_run(view.request):
            # Somebody tried to change what is not there for him: another tenant's, perhaps. Without its name, which he did not see.
            about = audit.Target(operation.partition(".")[0], str(next(iter(ids.values()))))
            audit.record(view.actor, operation, AuditEntry.Outcome.REFUSED, target=about, message="There is no such thing for them.")
        raise


def _check_role(view: ApiView, operation: str) -> None:
    try:
        gate.check(view.actor, operation, view.row)
    except KvmwebError as error:
        audit.record(view.actor, operation, AuditEntry.Outcome.REFUSED, target=view.row, message=error.message)
        raise


def _check_version(view: ApiView) -> None:
    """If-Match: "7" (or 7, or *). The row is locked first, so that what was compared is what is changed."""
    wanted = view.request.headers.get("If-Match", "").strip()
    if not wanted or wanted == "*" or not isinstance(view.row, models.Model) or not hasattr(view.row, "version"):
        return
    text = wanted.removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise InvalidInput(fields={"If-Match": 'Send the version of the row you read, such as If-Match: "7".'})
    locked = type(view.row)._default_manager.select_for_update().filter(pk=view.row.pk).values_list("version", flat=True).first()
    if locked is None:
        raise NotFound
    if locked != int(text):
        view.row = view.find(**view.kwargs)
        raise Stale(
            f"This changed since you read it: you have version {text}, it is now {locked}.",
            hint="Look at the current state in details.current and decide again.",
            details={"current": view.show(view.row)},
        )


class UnknownPath(ApiView):
    """Any other path below /api/v1/."""

    schema = None

    def _handle(self) -> Response:
        raise NotFound
