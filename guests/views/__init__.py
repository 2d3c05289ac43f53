"""Pages of virtual machines: `pages` look, `changes` change."""
