"""Tables: what the paper printed, what was measured here, and how the two are shown together."""
