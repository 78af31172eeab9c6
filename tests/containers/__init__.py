"""Test the image and docker-compose.yml without a Docker engine."""
