"""The arrow from scores to reports: files, tables, pictures, comparisons."""
