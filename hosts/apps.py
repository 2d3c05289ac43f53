from django.apps import AppConfig


class HostsConfig(AppConfig):
    name = "hosts"

    def ready(self) -> None:
        from jobs.workflow import register_host_check, register_workflow
        from live.topics import register_topic

        register_workflow("host.preflight", "hosts.workflows.PREFLIGHT_HOST")
        register_workflow("host.remove", "hosts.workflows.REMOVE_HOST")
        register_host_check("hosts.selectors.is_up")
        register_topic("hosts", snapshot="hosts.selectors.live_hosts")
        register_topic("host", snapshot="hosts.selectors.live_host")
