"""A dataset's own encoder of photos and texts: a small CLIP, trained here once for all models."""
