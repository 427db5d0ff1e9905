"""What is stored, in the formats of other tools: TREC, ranx, RecBole, Hugging Face."""
