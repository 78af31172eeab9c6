"""What any marketplace must be able to do for jobs, in neutral words."""
