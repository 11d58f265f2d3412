"""lblhep turns one declarative recipe into a defensible machine-learning study in high-energy physics."""

__version__ = "0.1.0"
