"""Submissions, their verification, and the site that shows them."""
