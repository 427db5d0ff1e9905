"""Checks a submission and scores it again."""
