"""One training kit for every model that learns here."""
