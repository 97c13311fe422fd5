"""OpenDeep: AI outbound calling, from a chat to a report with evidence."""

__version__ = "15.0.0"
