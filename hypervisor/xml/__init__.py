"""libvirt's XML, by lxml only: `build_*` from our specs, `parse_*` into observed values, `edit_*` of libvirt's own text.

One file per noun; `safe` is the only parser and `allowlist` the last look before a definition goes to a host. No libvirt calls here.
"""
