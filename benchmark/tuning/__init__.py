"""Hyper-parameter search: what is searched, by whom, what came out, and who uses it."""
