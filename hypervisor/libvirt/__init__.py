"""The only package that imports libvirt. `sessions.connect` opens a host; `broker` is the console broker's own process.

`Any` is the type of libvirt's objects and stays inside: everything that leaves is one of our specs, observed values or errors.
"""
