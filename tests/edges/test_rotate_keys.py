"""New keys for encrypted fields: nothing becomes unreadable, whatever stops it, and old backups open until the old keys are retired."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.core.management import CommandError, call_command
from django.db import connection

from guests.models import CloudInit
from kvmweb import fields, key_rotation, secrets_store
from tenants.models import IdempotencyRecord, User

pytestmark = pytest.mark.django_db
SECRET = "a secret of the tests"


@pytest.fixture
def keys(tmp_path: Path, settings: Any) -> Path:
    """The file of a fresh installation, as old as if it were there for long."""
    settings.FIELD_KEYS = []
    settings.FIELD_KEYS_FILE = secrets_store.field_keys_file(tmp_path)
    age(settings.FIELD_KEYS_FILE)
    return settings.FIELD_KEYS_FILE


def age(path: Path) -> None:
    os.utime(path, (path.stat().st_mtime - 3600,) * 2)


@pytest.fixture
def rows(keys: Path, make_guest: Any, member: User) -> list[Any]:
    """Sealed in a column of its own, in a JSON column, and in the JSON of another app."""
    from allauth.mfa.models import Authenticator

    guests = [make_guest(f"g{number}") for number in range(5)]
    made: list[Any] = [CloudInit.objects.create(guest=guest, user_data=f"{SECRET} {guest.name}") for guest in guests]
    record = IdempotencyRecord.objects.create(user=member, key="k", body_hash="x", status=200, answer=fields.seal_text(SECRET))
    totp = Authenticator.objects.create(user=member, type="totp", data={"secret": fields.seal_text(SECRET)})
    return [*made, record, totp]


def readable(rows: list[Any]) -> bool:
    for row in rows:
        row.refresh_from_db()
    *guests, record, totp = rows
    texts = [*(row.user_data for row in guests), fields.open_text(record.answer), fields.open_text(totp.data["secret"])]
    return all(text.startswith(SECRET) for text in texts)


def stored() -> list[str]:
    """The sealed texts as they are in the database."""
    return [token for _, _, _, text in key_rotation.sealed_values() for token in key_rotation.TOKEN.findall(text)]


def opened_by(key: str) -> int:
    return sum(key_rotation._opens(Fernet(key), token) for token in stored())


def test_everything_is_sealed_with_the_new_key_and_old_backups_still_open(keys: Path, rows: list[Any]) -> None:
    old, backup = fields.keys()[0], stored()
    call_command("rotate_keys")
    new = fields.keys()[0]
    assert new != old
    assert (opened_by(new), opened_by(old)) == (len(rows), 0)
    assert readable(rows)
    assert all(fields.open_text(token).startswith(SECRET) for token in backup)


def test_retiring_deletes_the_old_key_and_only_then_old_backups_are_lost(keys: Path, rows: list[Any]) -> None:
    backup = stored()
    call_command("rotate_keys")
    with pytest.raises(CommandError, match="Wait until it is 60 s old"):
        call_command("rotate_keys", "--retire")
    age(keys)
    call_command("rotate_keys", "--retire")
    assert len(fields.keys()) == 1
    assert readable(rows)
    with pytest.raises(InvalidToken):
        fields.open_text(backup[0])


@pytest.mark.parametrize("stops_after", range(7))
def test_an_interrupted_rotation_loses_nothing_and_goes_on(
    stops_after: int, keys: Path, rows: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, done = key_rotation._replace, []

    def replace_some(*args: Any, **kwargs: Any) -> bool:
        if len(done) == stops_after:
            raise KeyboardInterrupt
        done.append(replace(*args, **kwargs))
        return done[-1]

    monkeypatch.setattr(key_rotation, "_replace", replace_some)
    with pytest.raises(KeyboardInterrupt):
        call_command("rotate_keys")
    assert readable(rows)
    monkeypatch.undo()
    interrupted = fields.keys()
    call_command("rotate_keys")
    assert fields.keys() == interrupted, "it went on, and made no third key"
    assert opened_by(interrupted[0]) == len(rows)
    assert readable(rows)


def test_a_row_that_changes_meanwhile_keeps_its_change(keys: Path, rows: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    replace = key_rotation._replace

    def changed_before(model: Any, column: Any, pk: Any, *, old: str, new: str) -> bool:
        if model is CloudInit:
            CloudInit.objects.filter(pk=pk).update(user_data=f"{SECRET}, newer")
        return replace(model, column, pk, old=old, new=new)

    monkeypatch.setattr(key_rotation, "_replace", changed_before)
    call_command("rotate_keys")
    assert set(CloudInit.objects.values_list("user_data", flat=True)) == {f"{SECRET}, newer"}
    assert opened_by(fields.keys()[0]) == len(rows)


def test_what_no_key_opens_is_named_and_the_old_keys_stay(keys: Path, rows: list[Any]) -> None:
    foreign = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{CloudInit._meta.db_table}" SET user_data = %s WHERE guest_id IS NOT NULL AND id = %s', [foreign, rows[0].pk]
        )
    with pytest.raises(CommandError, match=f"CloudInit {rows[0].pk} user_data"):
        call_command("rotate_keys")
    age(keys)
    with pytest.raises(CommandError, match="All keys stay"):
        call_command("rotate_keys", "--retire")
    assert len(fields.keys()) == 2


def test_text_that_only_looks_sealed_is_left_alone(keys: Path, make_guest: Any) -> None:
    lookalike = "gAAAA" + "x" * 120
    guest = make_guest("g", description=lookalike)
    call_command("rotate_keys")
    guest.refresh_from_db()
    assert guest.description == lookalike


def test_two_rotations_at_once_are_one(keys: Path) -> None:
    with secrets_store.held(keys), pytest.raises(CommandError, match="Another rotation"):
        call_command("rotate_keys")


def test_keys_from_the_environment_are_not_made_here(keys: Path, settings: Any) -> None:
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match="KVMWEB_FIELD_KEYS"):
        call_command("rotate_keys")
    call_command("rotate_keys", "--reseal")


def test_the_file_is_for_its_owner_only(keys: Path) -> None:
    call_command("rotate_keys")
    assert keys.stat().st_mode & 0o777 == 0o600
    assert keys.parent.stat().st_mode & 0o777 == 0o700
