"""The product's settings plus the lab's workflows."""

from kvmweb.settings.base import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.jobs.lab.apps.LabConfig"]  # noqa: F405
HYPERVISOR_CONNECTOR = "hypervisor.fake.connect"
