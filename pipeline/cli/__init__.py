"""The command line: ``affex`` and its verbs, in front of the flow and not a part of it."""
