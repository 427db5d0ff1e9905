"""Hostile submissions by kind: how to make one, and under which code it must be refused."""
