"""Verification of all that affex keeps, and the commands that repair it."""
