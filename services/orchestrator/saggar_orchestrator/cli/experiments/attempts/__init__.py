"""How experiments stand: by the workflow database of a home, or by an orchestrator elsewhere."""

from saggar_orchestrator.cli.experiments.attempts.attempt import Attempt, Attempts

__all__ = ["Attempt", "Attempts"]
