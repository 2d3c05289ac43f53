"""The images that can be built on the spot: what the catalogue says of each. The programs themselves are in `storage.recipes`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """`name` is the module in storage.recipes; `minutes` what a build takes on a small machine."""

    name: str
    image_name: str
    kind: str
    os: str
    description: str
    min_memory_mib: int
    has_cloud_init: bool
    minutes: int


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="micro",
            image_name="micro",
            kind="disk",
            os="linux",
            description="A tiny Linux that boots in seconds: text on the screen, a shell on the serial line. For trying things out.",
            min_memory_mib=128,
            has_cloud_init=True,
            minutes=1,
        ),
        Recipe(
            name="debian12",
            image_name="debian-12",
            kind="cloud",
            os="debian12",
            description="Debian 12 with cloud-init, guest agent and SSH. Grows to the disk it is given.",
            min_memory_mib=384,
            has_cloud_init=True,
            minutes=5,
        ),
    )
}
