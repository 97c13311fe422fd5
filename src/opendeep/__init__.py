"""OpenDeep: AI outbound calling, from a chat to a report with evidence."""

__version__ = "11.0.0"
