-- An insert whose outcome nobody knows is repeated with the same token: it must not double events.
ALTER TABLE events {on_cluster} MODIFY SETTING non_replicated_deduplication_window = 1000;
