"""What learned baselines share: loop, fitted networks, rankers, factors, negatives and losses."""
