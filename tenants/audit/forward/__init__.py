"""Sending the trail on, to syslog and to a webhook: in the order of the chain, at least once, from beat, never from a click."""
