"""Health of services: what they answer, whether their store is within reach, and a command for containers."""

from saggar.rpc.health.answers import Health
from saggar.rpc.health.store_watch import StoreWatch

__all__ = ["Health", "StoreWatch"]
