"""The figure of generated images beside their targets."""
