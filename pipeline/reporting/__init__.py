"""The arrow from scores to what people read: files, tables, pictures, comparisons."""
