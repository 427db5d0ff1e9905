"""The simulated shop: users with known tastes, photos that show what texts do not tell."""
