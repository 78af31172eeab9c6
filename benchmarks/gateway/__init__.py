"""The gateway: webhooks, pushed stock and the dashboard."""
