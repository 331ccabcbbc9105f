"""Whether a report may pass, held against another: paired, powered, and with the name of the stage that
moved."""
