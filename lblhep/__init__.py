"""lblhep: one declarative recipe in, a defensible machine-learning study in high-energy physics out."""

__version__ = "0.1.0"
