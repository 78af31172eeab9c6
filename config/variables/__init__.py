"""Read settings from variables: the environment, `.env`, and the files that both name."""
