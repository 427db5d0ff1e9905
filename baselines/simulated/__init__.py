"""Ceilings of simulated data: systems that know the process behind it."""
