"""guest.bulk: one power action for many guests."""

from __future__ import annotations

from guests.steps import bulk
from jobs.workflow import Step, Workflow

BULK_POWER = Workflow("guest.bulk", (Step("work", "Go through the guests", bulk.work, bulk.stop),))
