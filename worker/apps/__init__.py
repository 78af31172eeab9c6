"""Know the apps of a deployment, and tell to which of them tokens belong."""
