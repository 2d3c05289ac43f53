"""Real libvirt hosts for tests, several on one machine. See `hosts.py`; fixtures are in `fixtures.py`."""
