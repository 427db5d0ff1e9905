"""Frozen instances: how each task's are built, stored and read."""
