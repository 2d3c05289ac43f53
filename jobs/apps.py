from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"

    def ready(self) -> None:
        from jobs.selectors import usage_of_jobs
        from tenants.quota import register_usage

        register_usage(usage_of_jobs)
