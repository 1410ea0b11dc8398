-- What came of pulls and pushes, and when a repository is looked at again.

ALTER TABLE git_links ADD COLUMN app BIGINT NOT NULL DEFAULT 0;      -- whether its token is one that this server's GitHub App gets
ALTER TABLE git_links ADD COLUMN failures BIGINT NOT NULL DEFAULT 0; -- pulls and pushes that were given up, since the last one that went well
ALTER TABLE git_links ADD COLUMN failed_since BIGINT;                -- when the first of these was
ALTER TABLE git_links ADD COLUMN look_at BIGINT NOT NULL DEFAULT 0;  -- when it is pulled next, whoever asks or not
CREATE INDEX git_links_look ON git_links (look_at);
-- Addresses are compared by their end, whatever they begin with.
DROP INDEX git_links_url;

-- Who pushed, by their id at GitHub.
ALTER TABLE delivery_pulls ADD COLUMN sender BIGINT;

-- What came of a delivery after it was acted on: of each pull, preview and release that it asked for, the last word.
CREATE TABLE delivery_outcomes (
  delivery_id TEXT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
  about TEXT NOT NULL,                     -- such as "pull" and the id of the volume
  sentence TEXT NOT NULL,
  failed BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (delivery_id, about)
);
CREATE INDEX delivery_outcomes_failed ON delivery_outcomes (delivery_id) WHERE failed = 1;

-- How one kind that comes from one team is told, where that is not as usual.
CREATE TABLE notification_team_kinds (
  user_id TEXT NOT NULL REFERENCES users (id),
  team_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  level TEXT NOT NULL,                     -- once | digest | never
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, team_id, kind)
);
