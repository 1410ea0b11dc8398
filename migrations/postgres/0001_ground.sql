-- Ids are UUIDv7 as text, times UTC milliseconds, flags 0/1, JSON is text.

CREATE TABLE settings (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  updated_at BIGINT NOT NULL
);

-- Accounts -----------------------------------------------------------------------------------------------------------

CREATE TABLE users (
  id TEXT COLLATE "C" PRIMARY KEY,
  kind TEXT NOT NULL,                      -- human | agent
  name TEXT COLLATE "C" NOT NULL,
  email TEXT,                              -- lower case; NULL for agents and deleted accounts
  password_hash TEXT,                      -- argon2id in PHC form; NULL when only GitHub or tokens sign in
  github_id TEXT,
  owner_team_id TEXT,                      -- the team that owns an agent account
  avatar_sha TEXT,                         -- blob of the re-encoded picture
  color BIGINT NOT NULL,                   -- 1..8, the person colour
  time_zone TEXT NOT NULL,
  administrator BIGINT NOT NULL DEFAULT 0,
  moderator BIGINT NOT NULL DEFAULT 0,
  deactivated_at BIGINT,
  deleted_at BIGINT,                       -- the row stays, emptied, so that history keeps its authors apart
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_email ON users (email);
CREATE UNIQUE INDEX users_github ON users (github_id);

CREATE TABLE sign_ins (
  id TEXT COLLATE "C" PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  token_hash TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  address TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX sign_ins_token ON sign_ins (token_hash);
CREATE INDEX sign_ins_user ON sign_ins (user_id, last_seen_at);

CREATE TABLE teams (
  id TEXT COLLATE "C" PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL,
  demo BIGINT NOT NULL DEFAULT 0,
  created_by TEXT NOT NULL,
  deleted_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE memberships (
  team_id TEXT NOT NULL REFERENCES teams (id),
  user_id TEXT NOT NULL REFERENCES users (id),
  role TEXT NOT NULL,                      -- owner | maintainer | member | viewer
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (team_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);

CREATE TABLE invitations (
  id TEXT COLLATE "C" PRIMARY KEY,
  team_id TEXT REFERENCES teams (id),      -- NULL: only opens an account on this instance
  role TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  created_by TEXT NOT NULL REFERENCES users (id),
  max_uses BIGINT NOT NULL,
  uses BIGINT NOT NULL DEFAULT 0,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX invitations_token ON invitations (token_hash);
CREATE INDEX invitations_team ON invitations (team_id, created_at);

CREATE TABLE password_links (
  id TEXT COLLATE "C" PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  token_hash TEXT NOT NULL,
  created_by TEXT,                         -- NULL: made from the command line
  used_at BIGINT,
  expires_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX password_links_token ON password_links (token_hash);

CREATE TABLE api_tokens (
  id TEXT COLLATE "C" PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  name TEXT NOT NULL,
  scopes TEXT NOT NULL,                    -- space-separated: read write publish admin
  prefix TEXT NOT NULL,                    -- first characters, so that a person recognises it
  token_hash TEXT NOT NULL,
  created_by TEXT NOT NULL,
  expires_at BIGINT,
  last_used_at BIGINT,
  revoked_at BIGINT,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX api_tokens_hash ON api_tokens (token_hash);
CREATE INDEX api_tokens_user ON api_tokens (user_id, created_at);

CREATE TABLE audit_events (
  id TEXT COLLATE "C" PRIMARY KEY,
  team_id TEXT,
  actor_id TEXT,
  actor_name TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  detail TEXT NOT NULL,                    -- short plain text, for people
  address TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX audit_events_team ON audit_events (team_id, id);
CREATE INDEX audit_events_actor ON audit_events (actor_id, id);

-- Volumes and artifacts -----------------------------------------------------------------------------------------------

CREATE TABLE volumes (
  id TEXT COLLATE "C" PRIMARY KEY,
  kind TEXT NOT NULL,                      -- system | team | user
  owner_id TEXT NOT NULL,                  -- team or user; '' for system
  name TEXT COLLATE "C" NOT NULL,
  head_commit_id TEXT,
  seq BIGINT NOT NULL DEFAULT 0,           -- counts up with every change to one of its artifacts' rows
  demo BIGINT NOT NULL DEFAULT 0,
  deleted_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX volumes_owner ON volumes (kind, owner_id);

-- Main files, stored once by the SHA-256 of their exact bytes.
CREATE TABLE contents (
  sha TEXT PRIMARY KEY,
  bytes BYTEA NOT NULL
);

-- The row of an artifact shows its head revision, or its draft when nothing was committed yet.
CREATE TABLE artifacts (
  id TEXT COLLATE "C" PRIMARY KEY,
  volume_id TEXT NOT NULL REFERENCES volumes (id),
  state BIGINT NOT NULL,                   -- 0 staged by an import, 1 live, 2 in the trash
  kind TEXT NOT NULL,                      -- skill | tool | agent
  slug TEXT COLLATE "C" NOT NULL,
  path TEXT COLLATE "C" NOT NULL,       -- of the main file inside the volume
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  category TEXT NOT NULL,                  -- '' when none
  tags TEXT NOT NULL,                      -- JSON array
  version TEXT NOT NULL,
  author TEXT NOT NULL,
  hints BIGINT NOT NULL,                   -- how many validation hints
  has_draft BIGINT NOT NULL,
  head_revision_id TEXT,
  seq BIGINT NOT NULL,                     -- the volume's at this row's last change: what a node's library index has yet to read
  created_by TEXT NOT NULL,
  deleted_by TEXT,
  deleted_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX artifacts_slug ON artifacts (volume_id, kind, slug) WHERE state <> 2;
CREATE UNIQUE INDEX artifacts_path ON artifacts (volume_id, path) WHERE state <> 2;
CREATE INDEX artifacts_seq ON artifacts (volume_id, seq, id);
CREATE INDEX artifacts_trash ON artifacts (deleted_at) WHERE state = 2;
CREATE INDEX artifacts_slug_everywhere ON artifacts (kind, slug, state, volume_id);

-- Artifacts that left a volume (moved away, deleted for good): the library index drops them. Kept for a day.
CREATE TABLE departures (
  volume_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  artifact_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (volume_id, seq, artifact_id)
);
CREATE INDEX departures_time ON departures (created_at);

CREATE TABLE commits (
  id TEXT COLLATE "C" PRIMARY KEY,
  sha TEXT NOT NULL,                       -- SHA-256 over parent, author, time, message and changes
  volume_id TEXT NOT NULL REFERENCES volumes (id),
  parent_id TEXT,
  author_id TEXT NOT NULL,
  message TEXT NOT NULL,
  source TEXT NOT NULL,                    -- edit | import | restore | move | fork | delete | system
  changes BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX commits_volume ON commits (volume_id, id);
CREATE INDEX commits_author ON commits (author_id, id);

CREATE TABLE revisions (
  id TEXT COLLATE "C" PRIMARY KEY,
  artifact_id TEXT NOT NULL REFERENCES artifacts (id),
  commit_id TEXT NOT NULL,                 -- its row appears when the commit is published
  parent_id TEXT,
  change TEXT NOT NULL,                    -- created | updated | deleted | restored | moved
  kind TEXT NOT NULL,
  slug TEXT NOT NULL,
  path TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  category TEXT NOT NULL,
  tags TEXT NOT NULL,
  version TEXT NOT NULL,
  author TEXT NOT NULL,
  hints BIGINT NOT NULL,
  content_sha TEXT NOT NULL REFERENCES contents (sha),
  executable BIGINT NOT NULL DEFAULT 0,
  files TEXT NOT NULL,                     -- JSON: [{path, sha, size, executable}] sorted by path
  tree_sha TEXT NOT NULL,                  -- over path, main file and files: equal means nothing changed
  size BIGINT NOT NULL,                    -- bytes of the main file
  added BIGINT NOT NULL,                   -- lines against the parent
  removed BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX revisions_artifact ON revisions (artifact_id, id);
CREATE INDEX revisions_commit ON revisions (commit_id, artifact_id);
CREATE INDEX revisions_content ON revisions (content_sha);

CREATE TABLE drafts (
  artifact_id TEXT PRIMARY KEY REFERENCES artifacts (id),
  base_revision_id TEXT,                   -- NULL: never committed
  content BYTEA NOT NULL,
  files TEXT NOT NULL,
  saves BIGINT NOT NULL,                   -- counts up with every save: the optimistic check of autosave
  updated_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX drafts_user ON drafts (updated_by, updated_at);

CREATE TABLE favourites (
  user_id TEXT NOT NULL,
  artifact_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, artifact_id)
);
CREATE TABLE recents (
  user_id TEXT NOT NULL,
  artifact_id TEXT NOT NULL,
  viewed_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, artifact_id)
);
CREATE INDEX recents_user ON recents (user_id, viewed_at);

-- What every feature stands on ----------------------------------------------------------------------------------------

CREATE TABLE jobs (
  id TEXT COLLATE "C" PRIMARY KEY,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,                     -- queued | running | done | failed | cancelled
  payload TEXT NOT NULL,                   -- JSON
  owner_id TEXT NOT NULL,                  -- who asked for it
  done BIGINT NOT NULL DEFAULT 0,
  total BIGINT NOT NULL DEFAULT 0,
  report TEXT,                             -- JSON, when finished
  error TEXT,
  attempts BIGINT NOT NULL DEFAULT 0,
  run_at BIGINT NOT NULL,
  leased_until BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX jobs_due ON jobs (state, run_at);
CREATE INDEX jobs_owner ON jobs (owner_id, id);

CREATE TABLE usage_events (
  id TEXT COLLATE "C" PRIMARY KEY,
  kind TEXT NOT NULL,
  actor_id TEXT,
  team_id TEXT,
  volume_id TEXT,
  subject_id TEXT,
  data TEXT NOT NULL,                      -- JSON
  created_at BIGINT NOT NULL
);
CREATE INDEX usage_events_time ON usage_events (created_at, kind);

CREATE TABLE idempotency_keys (
  actor_id TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,               -- SHA-256 of method, path and body
  status BIGINT NOT NULL,                  -- 0 while the first request runs
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (actor_id, key)
);
CREATE INDEX idempotency_keys_time ON idempotency_keys (created_at);
