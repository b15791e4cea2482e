"""Verification of all files that affex stores, and the commands that repair them."""
