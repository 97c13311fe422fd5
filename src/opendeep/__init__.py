"""OpenDeep: AI outbound calling, from a chat to a report with evidence."""

__version__ = "14.0.0"
