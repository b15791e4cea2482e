"""Publishing: the arrow from a run to what a paper says of it: question, methods, references, checklist."""
