"""Runs: what was asked, how it is executed, and what is kept of it."""
