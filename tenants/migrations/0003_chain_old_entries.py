"""Entries made before there was a chain are linked in the order of their ids."""

from django.db import migrations

from tenants.audit import canonical, triggers

BATCH = 1000


def link_all(apps, schema_editor):
    entries, links = apps.get_model("tenants", "AuditEntry"), apps.get_model("tenants", "AuditLink")
    seq, previous, last = 0, canonical.FIRST, 0
    while batch := list(entries._base_manager.filter(pk__gt=last).order_by("pk")[:BATCH]):
        made = []
        for entry in batch:
            entry.digest, seq = canonical.digest_of(entry), seq + 1
            digest = canonical.link_hash(previous, seq, entry.pk, entry.digest)
            made.append(links(seq=seq, entry_id=entry.pk, previous=previous, hash=digest))
            previous = digest
        entries._base_manager.bulk_update(batch, ["digest"])
        links._base_manager.bulk_create(made)
        last = batch[-1].pk


def unprotect(apps, schema_editor):
    """Backwards: the code before knows no digest and no links."""
    for statement in triggers.removal_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_audit_chain")]
    operations = [migrations.RunPython(link_all, unprotect)]
