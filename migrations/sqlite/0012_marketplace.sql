-- What is published, by one slug each. A listing without a public release is a name that is reserved.
CREATE TABLE listings (
  id TEXT COLLATE BINARY PRIMARY KEY,
  slug TEXT COLLATE BINARY NOT NULL,
  kind TEXT NOT NULL,                      -- skill | tool | agent
  owner_kind TEXT NOT NULL,                -- user | team
  owner_id TEXT NOT NULL,
  name TEXT NOT NULL,                      -- of the newest public release, as are the next six
  description TEXT NOT NULL,
  category TEXT NOT NULL,
  tags TEXT NOT NULL,                      -- JSON array
  licence TEXT NOT NULL,                   -- SPDX expression
  repository TEXT NOT NULL,                -- '' when none
  capabilities TEXT NOT NULL,              -- JSON object
  latest_release_id TEXT,                  -- the newest public release that is not withdrawn
  latest_version TEXT NOT NULL,            -- '' when none
  signed BIGINT NOT NULL DEFAULT 0,
  state TEXT NOT NULL,                     -- reserved | listed | hidden | quarantined
  state_reason TEXT NOT NULL DEFAULT '',
  deprecated BIGINT NOT NULL DEFAULT 0,
  successor TEXT NOT NULL DEFAULT '',      -- slug
  deprecation TEXT NOT NULL DEFAULT '',
  downloads BIGINT NOT NULL DEFAULT 0,     -- once per account, version and day
  installs BIGINT NOT NULL DEFAULT 0,
  ratings BIGINT NOT NULL DEFAULT 0,
  stars BIGINT NOT NULL DEFAULT 0,         -- their sum
  seq BIGINT NOT NULL,                     -- the catalogue's number at this row's last change
  published_at BIGINT,                     -- of the newest public release
  created_by TEXT NOT NULL REFERENCES users (id),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX listings_slug ON listings (slug);
CREATE INDEX listings_seq ON listings (seq, id);
CREATE INDEX listings_owner ON listings (owner_kind, owner_id);

-- Counts up with every change of a listing: what a node's catalogue has yet to read.
CREATE TABLE listing_counter (
  id BIGINT PRIMARY KEY,
  seq BIGINT NOT NULL
);
INSERT INTO listing_counter (id, seq) VALUES (1, 0);

-- Names that a listing had before; they lead to it for ever.
CREATE TABLE listing_redirects (
  slug TEXT COLLATE BINARY PRIMARY KEY,
  listing_id TEXT NOT NULL REFERENCES listings (id),
  created_at BIGINT NOT NULL
);

CREATE TABLE listing_owners (
  listing_id TEXT NOT NULL REFERENCES listings (id),
  user_id TEXT NOT NULL REFERENCES users (id),
  added_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (listing_id, user_id)
);
CREATE INDEX listing_owners_user ON listing_owners (user_id);

-- One version, immutable from its submission on; what changes is how far it is.
CREATE TABLE releases (
  id TEXT COLLATE BINARY PRIMARY KEY,
  listing_id TEXT NOT NULL REFERENCES listings (id),
  version TEXT NOT NULL,
  version_order TEXT COLLATE BINARY NOT NULL, -- sorts as semver does
  state TEXT NOT NULL,                     -- review | changes | rejected | approved | public | withdrawn
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  category TEXT NOT NULL,
  tags TEXT NOT NULL,
  licence TEXT NOT NULL,
  repository TEXT NOT NULL,
  changelog TEXT NOT NULL,
  main_path TEXT NOT NULL,                 -- SKILL.md, or the file's name
  content_sha TEXT NOT NULL REFERENCES contents (sha),
  files TEXT NOT NULL,                     -- JSON: [{path, sha, size, executable}] sorted by path, without the main file
  dependencies TEXT NOT NULL,              -- JSON: [{slug, range}]
  capabilities TEXT NOT NULL,              -- JSON object
  digest TEXT NOT NULL,                    -- SHA-256 of the canonical archive
  size BIGINT NOT NULL,                    -- of that archive
  report TEXT NOT NULL,                    -- JSON: what the checks found
  rules TEXT NOT NULL,                     -- by which rules
  held BIGINT NOT NULL,                    -- whether one of the findings blocks
  envelope TEXT,                           -- DSSE with the publisher's signature, then the registry's too
  key_id TEXT,                             -- the publisher's
  log_index BIGINT,
  downloads BIGINT NOT NULL DEFAULT 0,
  withdrawn_reason TEXT NOT NULL DEFAULT '',
  artifact_id TEXT,                        -- what it was published from
  submitted_by TEXT NOT NULL REFERENCES users (id),
  published_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX releases_version ON releases (listing_id, version_order) WHERE state <> 'rejected' AND state <> 'changes';
CREATE INDEX releases_listing ON releases (listing_id, state, version_order);
CREATE INDEX releases_content ON releases (content_sha);
CREATE INDEX releases_state ON releases (state, created_at, id);
CREATE INDEX releases_submitter ON releases (submitted_by, created_at);
CREATE UNIQUE INDEX releases_log ON releases (log_index);

CREATE TABLE release_dependencies (
  release_id TEXT NOT NULL REFERENCES releases (id),
  slug TEXT COLLATE BINARY NOT NULL,
  version_range TEXT NOT NULL,
  PRIMARY KEY (release_id, slug)
);
CREATE INDEX release_dependencies_slug ON release_dependencies (slug);

-- What was said and decided about a submission.
CREATE TABLE release_decisions (
  id TEXT COLLATE BINARY PRIMARY KEY,
  release_id TEXT NOT NULL REFERENCES releases (id),
  decision TEXT NOT NULL,                  -- submitted | approved | changes | rejected | appealed | signed | passed | rescanned
  reason TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX release_decisions_release ON release_decisions (release_id, id);

CREATE TABLE publisher_keys (
  id TEXT PRIMARY KEY,                     -- the key's id: a part of its SHA-256
  user_id TEXT NOT NULL REFERENCES users (id),
  public_key TEXT NOT NULL,
  name TEXT NOT NULL,
  revoked_at BIGINT,
  revoked_reason TEXT NOT NULL DEFAULT '',
  compromised_since BIGINT,
  created_at BIGINT NOT NULL
);
CREATE INDEX publisher_keys_user ON publisher_keys (user_id, created_at);

-- The transparency log: RFC 6962's tree over these leaves, its complete nodes, and its signed heads.
CREATE TABLE log_entries (
  position BIGINT PRIMARY KEY,
  leaf BLOB NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE TABLE log_nodes (
  level BIGINT NOT NULL,
  position BIGINT NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (level, position)
);
CREATE TABLE log_heads (
  size BIGINT PRIMARY KEY,
  note TEXT NOT NULL,                      -- a signed note
  created_at BIGINT NOT NULL
);

-- What of the marketplace stands in a volume: its lock.
CREATE TABLE installations (
  volume_id TEXT NOT NULL,
  listing_id TEXT NOT NULL REFERENCES listings (id),
  release_id TEXT NOT NULL REFERENCES releases (id),
  artifact_id TEXT NOT NULL,
  digest TEXT NOT NULL,
  asked BIGINT NOT NULL,                   -- 1: somebody asked for it; 0: something needs it
  pinned BIGINT NOT NULL DEFAULT 0,
  disabled TEXT NOT NULL DEFAULT '',       -- why, after a quarantine
  installed_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (volume_id, listing_id)
);
CREATE INDEX installations_listing ON installations (listing_id);
CREATE UNIQUE INDEX installations_artifact ON installations (artifact_id);

-- Each change of a volume's lock, so that it can be taken back.
CREATE TABLE installation_changes (
  id TEXT COLLATE BINARY PRIMARY KEY,
  volume_id TEXT NOT NULL,
  act TEXT NOT NULL,                       -- install | update | uninstall | roll-back
  steps TEXT NOT NULL,                     -- JSON: [{listing, slug, from, to}]
  actor_id TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX installation_changes_volume ON installation_changes (volume_id, id);

CREATE TABLE item_reviews (
  listing_id TEXT NOT NULL REFERENCES listings (id),
  user_id TEXT NOT NULL REFERENCES users (id),
  rating BIGINT NOT NULL,
  text TEXT NOT NULL,
  version TEXT NOT NULL,                   -- that was installed then
  used BIGINT NOT NULL,                    -- whether a session invoked it
  reply TEXT NOT NULL DEFAULT '',
  replied_by TEXT,
  hidden TEXT NOT NULL DEFAULT '',         -- why a moderator hid it
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (listing_id, user_id)
);
CREATE INDEX item_reviews_order ON item_reviews (listing_id, updated_at, user_id);
CREATE INDEX item_reviews_user ON item_reviews (user_id, updated_at);

-- Who took which version on which day: counted once.
CREATE TABLE listing_takers (
  listing_id TEXT NOT NULL,
  version TEXT NOT NULL,
  user_id TEXT NOT NULL,
  day BIGINT NOT NULL,                     -- days since 1970, UTC
  act TEXT NOT NULL,                       -- download | install
  PRIMARY KEY (listing_id, version, user_id, day, act)
);
CREATE INDEX listing_takers_user ON listing_takers (user_id, listing_id);
CREATE TABLE listing_days (
  listing_id TEXT NOT NULL,
  day BIGINT NOT NULL,
  downloads BIGINT NOT NULL DEFAULT 0,
  installs BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (listing_id, day)
);
CREATE INDEX listing_days_day ON listing_days (day);

CREATE TABLE item_reports (
  id TEXT COLLATE BINARY PRIMARY KEY,
  listing_id TEXT NOT NULL REFERENCES listings (id),
  user_id TEXT NOT NULL REFERENCES users (id),
  reason TEXT NOT NULL,                    -- malicious | deceptive | broken | licence | other
  text TEXT NOT NULL,
  settled TEXT NOT NULL DEFAULT '',        -- what came of it
  settled_by TEXT,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX item_reports_once ON item_reports (listing_id, user_id) WHERE settled = '';
CREATE INDEX item_reports_open ON item_reports (settled, created_at);

-- What happened in the marketplace, for everybody to read.
CREATE TABLE marketplace_events (
  id TEXT COLLATE BINARY PRIMARY KEY,
  listing_id TEXT,
  slug TEXT NOT NULL,
  action TEXT NOT NULL,
  detail TEXT NOT NULL,
  actor_id TEXT,
  actor_name TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX marketplace_events_listing ON marketplace_events (listing_id, id);
