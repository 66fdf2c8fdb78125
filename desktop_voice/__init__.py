"""Desktop Voice: a desktop voice assistant, local by default."""

__version__ = "0.1.0"
