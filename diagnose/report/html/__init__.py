"""The parts of the page: views made of a report's values, the templates that draw them, style and script."""
