"""What whoever runs the service sees of it: metrics, drift, traces.

Doors: `metrics.Metrics`, an observer of the desk; `calls.CallCounter`, an interceptor; `tracing.traces`.
"""
