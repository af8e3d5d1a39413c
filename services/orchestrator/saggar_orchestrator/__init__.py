"""The orchestrator: experiments as durable workflows, their reports, and the command line `saggar`."""
