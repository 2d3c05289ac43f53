"""What REST takes and answers about people: bodies and queries are checked by these, answers only documented."""

from __future__ import annotations

from rest_framework import serializers

from kvmweb.rest.fields import Choice, Flag, Line, Moment, Name, RowId, StrictSerializer, Text
from kvmweb.rest.pagination import PageQuery, both_ways, ordering_field, search_field
from tenants.models import TenantRole, TokenScope

TENANT_ORDERINGS = both_ways({"name": ("name",), "created_at": ("created_at", "id")})
TOKEN_ORDERINGS = both_ways({"created_at": ("created", "public_id")})
MEMBER_ORDERINGS = both_ways({"username": ("user__username",)})
INVITATION_ORDERINGS = both_ways({"created_at": ("created_at", "id")})


class TenantQuery(PageQuery):
    search = search_field()
    ordering = ordering_field(TENANT_ORDERINGS, "name")


class TokenQuery(PageQuery):
    search = search_field()
    everybodys = Choice(choices=[("true", "true"), ("false", "false")], default="false", help_text="true: of all users; admins only.")
    ordering = ordering_field(TOKEN_ORDERINGS, "-created_at")


class MemberQuery(PageQuery):
    ordering = ordering_field(MEMBER_ORDERINGS, "username")


class InvitationQuery(PageQuery):
    ordering = ordering_field(INVITATION_ORDERINGS, "-created_at")


class AccessQuery(StrictSerializer):
    user = serializers.UUIDField(required=False, help_text="A user's id; oneself when not given.")


class CreateTenant(StrictSerializer):
    name = Name()
    description = Text(max_length=2000, allow_blank=True, default="")


class ChangeTenant(StrictSerializer):
    name = Name(required=False)
    description = Text(max_length=2000, allow_blank=True, required=False)
    is_active = Flag(required=False)


class AddMember(StrictSerializer):
    username = Line(max_length=150)
    role = Choice(choices=TenantRole.choices)
    create = Flag(default=False, help_text="Make the account when there is none; admins only.")


class ChangeMember(StrictSerializer):
    role = Choice(choices=TenantRole.choices)


class CreateInvitation(StrictSerializer):
    role = Choice(choices=TenantRole.choices, default=TenantRole.MEMBER)
    note = Line(max_length=100, allow_blank=True, default="", help_text="For whom it is. Nothing is sent to anybody.")
    expires_at = Moment(required=False, allow_null=True, default=None, help_text="In 7 days when not given, at most in 90.")


class CreateToken(StrictSerializer):
    name = Line(max_length=80)
    scope = Choice(choices=TokenScope.choices, default="read")
    tenant = RowId(required=False, allow_null=True, default=None)
    expires_at = Moment(required=False, allow_null=True, default=None)


# -- answers, for the document only -----------------------------------------------------------------------------------------------


class Named(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()


class MyTenantShape(Named):
    role = serializers.ChoiceField(choices=TenantRole.choices)
    permissions = serializers.ListField(child=serializers.CharField())


class MeShape(serializers.Serializer):
    id = serializers.UUIDField()
    username = serializers.CharField()
    system_role = serializers.CharField(help_text="admin, operator, auditor or empty.")
    scope = serializers.ChoiceField(choices=TokenScope.choices)
    viewing_as = serializers.CharField(help_text="Name of the tenant this session is viewing as; empty else.")
    tenants = MyTenantShape(many=True)
    permissions = serializers.ListField(
        child=serializers.CharField(), help_text="Operations this login may do outside a tenant, or everywhere."
    )


class TenantShape(Named):
    description = serializers.CharField()
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class UserName(serializers.Serializer):
    id = serializers.UUIDField()
    username = serializers.CharField()


class MemberShape(serializers.Serializer):
    user = UserName()
    role = serializers.ChoiceField(choices=TenantRole.choices)


class InvitationShape(serializers.Serializer):
    id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=TenantRole.choices)
    note = serializers.CharField()
    state = serializers.CharField(help_text="open, used, withdrawn or expired.")
    created_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    used_by = serializers.CharField(allow_null=True)
    used_at = serializers.DateTimeField(allow_null=True)


class NewInvitationShape(InvitationShape):
    url = serializers.CharField(help_text="Lets one person in. Shown this once.")


class AllowedShape(serializers.Serializer):
    operation = serializers.CharField()
    allowed = serializers.BooleanField()
    because = serializers.CharField()


class AccessShape(serializers.Serializer):
    user = UserName()
    system_role = serializers.CharField()
    role = serializers.CharField(help_text="In this tenant; empty for none.")
    operations = AllowedShape(many=True)


class TokenShape(Named):
    begins_with = serializers.CharField(help_text="The beginning of the key, to recognise it by.")
    user = UserName()
    scope = serializers.ChoiceField(choices=TokenScope.choices)
    tenant = Named(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    last_used_address = serializers.CharField()


class NewTokenShape(TokenShape):
    token = serializers.CharField(help_text="Shown this once.")
