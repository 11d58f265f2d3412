"""Physics and statistics that studies share; usable without any recipe."""
