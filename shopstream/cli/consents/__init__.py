"""Have sellers consent: URLs, codes and invites."""
