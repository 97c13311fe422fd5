"""Providers of text intelligence and look-up. Typed values and our errors leave this package, nothing else."""
