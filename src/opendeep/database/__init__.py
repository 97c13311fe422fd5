"""Rows in and out. The only package that knows SQL, ORM rows and migrations."""
