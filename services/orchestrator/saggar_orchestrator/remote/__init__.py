"""The store through the orchestrator, for callers that cannot reach the store itself: both ends of `StoreService`."""
