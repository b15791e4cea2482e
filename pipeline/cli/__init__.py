"""The command line: ``affex`` and its verbs, a room of its own in front of the flow."""
