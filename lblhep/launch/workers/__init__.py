"""Packs run in the calling process or in Ray's actors, and a task finds there what it works with."""
