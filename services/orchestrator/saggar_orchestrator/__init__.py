"""The orchestrator: experiments as durable workflows, their reports, and the command line `saggar`."""

import saggar  # noqa: F401 turns the reporting of libraries off before any is imported
