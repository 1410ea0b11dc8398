-- Why nobody should use an artifact: what a quarantine says of what it was installed from, until somebody of its volume decides otherwise.
ALTER TABLE artifacts ADD COLUMN disabled TEXT NOT NULL DEFAULT '';

-- What the publishers of a hidden or quarantined item say to it; '' when nothing waits for an answer.
ALTER TABLE listings ADD COLUMN appeal TEXT NOT NULL DEFAULT '';

-- 1: jobs still look at it, before a person does.
ALTER TABLE releases ADD COLUMN checking BIGINT NOT NULL DEFAULT 0;
-- What newer rules found in a release that is out; '' when a moderator has nothing to look at.
ALTER TABLE releases ADD COLUMN flagged TEXT NOT NULL DEFAULT '';
CREATE INDEX releases_flagged ON releases (listing_id) WHERE flagged <> '';
CREATE INDEX releases_rules ON releases (rules, id);

-- How a volume takes updates by itself.
CREATE TABLE lock_settings (
  volume_id TEXT PRIMARY KEY,
  automatic BIGINT NOT NULL,               -- 1: newer versions are installed without being asked for
  cool_down_days BIGINT NOT NULL,          -- how long a version has to be out before that
  set_by TEXT NOT NULL REFERENCES users (id),
  updated_at BIGINT NOT NULL
);

-- What the transparency log says of publishers' keys: that they were added, replaced or revoked.
CREATE TABLE key_statements (
  log_index BIGINT PRIMARY KEY,
  user_id TEXT NOT NULL,
  key_id TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX key_statements_key ON key_statements (key_id, log_index);
CREATE INDEX key_statements_user ON key_statements (user_id, log_index);

