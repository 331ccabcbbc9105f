"""How right an answer or a ranking is, and whether a text holds the evidence."""
