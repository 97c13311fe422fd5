"""OpenDeep: AI outbound calling, from a chat to a report with evidence."""

__version__ = "13.0.0"
