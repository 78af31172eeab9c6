"""Spans of the services that ask and consume; OpenTelemetry is imported only where traces are on."""
