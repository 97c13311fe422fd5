"""Ground layer: frozen values, ids, enums, errors, clock, logging, the doorbell. Imports nothing of ours."""
