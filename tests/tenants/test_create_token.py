"""`manage.py create_token`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tenants.models import ApiToken, User


def test_the_printed_token_works_and_only_its_hash_is_kept(operator: User, client) -> None:
    out = StringIO()
    call_command("create_token", "olga", "--scope", "admin", "--name", "ci", stdout=out)
    key = out.getvalue().strip()
    token = ApiToken.objects.get()
    assert (token.name, token.scope, token.user) == ("ci", "admin", operator)
    assert key not in str(token.__dict__)


def test_an_unknown_user_is_named(db) -> None:
    with pytest.raises(CommandError, match="no user 'nobody'"):
        call_command("create_token", "nobody")
