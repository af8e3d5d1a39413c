"""Settings of jobs, each declared once: its default, bounds, unit and a line of help. The contract's messages,
experiment files, services and the command line take them from here: `declared` (what a setting is), `messages`
(to and from the contract), and one file of settings per kind of job.
"""
