"""Running a pipeline again on a trace's query, whole or from one stage on, through a memo."""
