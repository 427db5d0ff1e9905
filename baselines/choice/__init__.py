"""Conditional logit: which item a user chooses, by how it matches those the user had."""
