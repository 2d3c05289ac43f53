"""Filling an installation: its first host, network, pool, image, tenant and admin, and a demo. Sits on top of every app."""
