"""Give codes and tokens to who has a seller's consent."""
