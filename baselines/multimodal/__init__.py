"""Systems that read photos, or photos and texts, and the features that all of them share."""
