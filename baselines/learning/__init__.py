"""What learned baselines share: the loop, the ranker, factors, negatives, windows and losses."""
