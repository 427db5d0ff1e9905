"""The systems UniMP is compared with, one file each, grouped by kind.

:mod:`baselines.catalogue` announces them; nothing here is imported before it is run.
"""
