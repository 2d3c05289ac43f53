from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "console"

    def ready(self) -> None:
        from console import receivers  # noqa: F401
        from live.topics import register_topic

        register_topic("consoles", snapshot="console.live.list_snapshot", shape="console.payload.for_actor", is_personal=True)
