"""Studies share this physics and statistics, which any script can use without a recipe."""
