"""Runs clients that others have written against the service, each in a process of its own."""
