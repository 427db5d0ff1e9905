"""The leaderboard as static pages: what is on them, how they are drawn, written and shown."""
