import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0003_chain_old_entries'),
    ]

    operations = [
        migrations.CreateModel(
            name='TenantQuota',
            fields=[
            ],
            options={
                'verbose_name': 'quota',
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('tenants.tenant',),
        ),
        migrations.AddField(
            model_name='quota',
            name='follows_default',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.CreateModel(
            name='QuotaDefault',
            fields=[
                ('guests', models.PositiveIntegerField(blank=True, null=True)),
                ('vcpus', models.PositiveIntegerField(blank=True, null=True)),
                ('memory_mib', models.PositiveIntegerField(blank=True, null=True)),
                ('disk_gib', models.PositiveIntegerField(blank=True, null=True)),
                ('snapshots', models.PositiveIntegerField(blank=True, null=True)),
                ('image_gib', models.PositiveIntegerField(blank=True, null=True)),
                ('running_jobs', models.PositiveIntegerField(blank=True, null=True)),
                ('id', models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
            ],
            options={
                'verbose_name': 'default quota',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='one_quota_default')],
            },
        ),
        migrations.CreateModel(
            name='QuotaRequest',
            fields=[
                ('guests', models.PositiveIntegerField(blank=True, null=True)),
                ('vcpus', models.PositiveIntegerField(blank=True, null=True)),
                ('memory_mib', models.PositiveIntegerField(blank=True, null=True)),
                ('disk_gib', models.PositiveIntegerField(blank=True, null=True)),
                ('snapshots', models.PositiveIntegerField(blank=True, null=True)),
                ('image_gib', models.PositiveIntegerField(blank=True, null=True)),
                ('running_jobs', models.PositiveIntegerField(blank=True, null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('open', 'open'), ('approved', 'approved'), ('declined', 'declined'), ('cancelled', 'cancelled')], default='open', max_length=16)),
                ('reason', models.TextField()),
                ('requested_by_label', models.CharField(max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decided_by_label', models.CharField(blank=True, max_length=200)),
                ('message', models.TextField(blank=True)),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='quota_requests', to='tenants.tenant')),
            ],
            options={
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='QuotaChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('actor_label', models.CharField(max_length=200)),
                ('actor_user_id', models.UUIDField(null=True)),
                ('before', models.JSONField()),
                ('after', models.JSONField()),
                ('reason', models.TextField(blank=True)),
                ('tenant', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='quota_changes', to='tenants.tenant')),
                ('request', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='changes', to='tenants.quotarequest')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.AddIndex(
            model_name='quotarequest',
            index=models.Index(fields=['state', '-created_at', '-id'], name='quota_request_by_state'),
        ),
        migrations.AddConstraint(
            model_name='quotarequest',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('tenant',), name='one_open_quota_request_per_tenant'),
        ),
        migrations.AddIndex(
            model_name='quotachange',
            index=models.Index(fields=['tenant', '-id'], name='quota_change_of_tenant'),
        ),
    ]
