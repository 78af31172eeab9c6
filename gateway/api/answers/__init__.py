"""Answer each call of the API from the state that Redis has."""
