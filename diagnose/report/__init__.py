"""A report as text, Markdown, JSON and a page; one trace laid open. Nothing is computed here but words."""
