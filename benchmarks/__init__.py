"""Figures of the product: `python -m benchmarks [group]`, one JSON object a line on standard output."""
