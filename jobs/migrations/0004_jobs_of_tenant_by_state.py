from django.db import migrations, models


class Migration(migrations.Migration):
    """For `jobs.selectors.usage_of_jobs`: what a tenant runs, among all it ever ran."""

    dependencies = [("jobs", "0003_crashes_waiting_and_sent")]

    operations = [migrations.AddIndex("job", models.Index(fields=["tenant", "state"], name="job_state_of_tenant"))]
