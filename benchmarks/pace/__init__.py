"""The pace of calls against quotas that nobody tells, ours and that of other limiters."""
