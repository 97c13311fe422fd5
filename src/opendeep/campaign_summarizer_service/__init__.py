"""The report of a campaign: figures from rows, prose from a model, every claim linked to its calls."""
