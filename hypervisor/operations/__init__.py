"""Changes of guests, written once for every kind of host on a few primitives that `libvirt/` and `fake/` each bring along.

Every operation looks first: what is so already is not done again, so a step cut short at any point may simply run again.
"""
