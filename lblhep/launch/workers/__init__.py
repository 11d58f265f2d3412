"""Who runs packs: the calling process or Ray's actors, and what a task works with there."""
