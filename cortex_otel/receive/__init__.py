"""The way in for other processes: OTLP/HTTP and plain JSON, answered when stored."""
