"""What lies on disk of a launch: its directory, its packs and groups, and what they were made from."""
