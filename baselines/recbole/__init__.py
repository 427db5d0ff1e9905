"""Seven systems whose networks and losses are RecBole's (Zhao et al., CIKM 2021 and 2022)."""
