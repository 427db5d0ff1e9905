"""Datasets: raw formats in, prepared folders out, and what may be read from them."""
