"""A launch lies on disk as its directory, its packs and groups, and a record of what they were made from."""
