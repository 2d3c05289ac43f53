from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"

    def ready(self) -> None:
        from jobs.selectors import recount_jobs, usage_of_jobs
        from live.topics import register_topic
        from tenants.quota import register_usage
        from tenants.quota.checking import register_recount

        register_usage(usage_of_jobs, "running_jobs")
        register_recount(recount_jobs)
        register_topic("jobs", snapshot="jobs.live.list_snapshot", shape="jobs.payload.for_actor")
        register_topic("job", snapshot="jobs.live.row_snapshot", shape="jobs.payload.for_actor")
