"""The hypervisor, spoken to in our own words.

Plain Python, no Django. `port` says what a host can do, `specs` what goes in, `observed` what comes out, `errors` what can go wrong.
`libvirt/` is the only package in the project that imports libvirt; `fake` is an in-memory host that passes the same contract tests.
"""
