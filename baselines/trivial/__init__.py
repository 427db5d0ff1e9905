"""Systems that anything worth its training must beat."""
