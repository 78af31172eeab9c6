"""Copy events to Kafka topics, at least once and in order by subject."""
