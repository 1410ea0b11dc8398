-- The life of a process (nodes.id) that runs the first request with a key: when it is gone, the key is free. '' where that is not known: an older version's.
ALTER TABLE idempotency_keys ADD COLUMN node_id TEXT NOT NULL DEFAULT '';
