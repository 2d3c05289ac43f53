"""Image recipes: plain programs that build a bootable disk image from Debian packages, on the spot.

Each is a module with `build(output, *, cache, report)` and a command line printing JSON lines, so that a job can run
it as a child process, show its progress and cancel it with SIGTERM. No Django here, and nothing about rows or pools.
"""
