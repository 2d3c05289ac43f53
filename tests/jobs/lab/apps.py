from django.apps import AppConfig

from jobs.workflow import register_workflow


class LabConfig(AppConfig):
    name = "tests.jobs.lab"
    label = "jobs_lab"

    def ready(self) -> None:
        register_workflow("lab.files", "tests.jobs.lab.steps.FILES")
        register_workflow("lab.nothing", "tests.jobs.lab.steps.NOTHING")
