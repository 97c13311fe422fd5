"""Targets that take any bytes. A short run of each is among the tests; long and guided by coverage: `make fuzz`."""
