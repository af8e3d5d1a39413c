"""gRPC as all services use it: servers, channels, long work, and domain errors as statuses."""
