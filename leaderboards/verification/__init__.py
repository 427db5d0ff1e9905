"""Checking a submission and scoring it again."""
