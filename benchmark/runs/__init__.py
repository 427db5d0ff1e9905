"""Execute runs and keep what came of them: what was asked, predictions, scores, manifest."""
