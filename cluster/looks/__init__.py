"""Looks at test utterances: who has seen which test scores, how often, and what a further look costs."""
