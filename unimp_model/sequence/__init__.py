"""A user's history as one token sequence: template, tokens, batches, wording."""
