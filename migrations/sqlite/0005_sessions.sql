-- Sessions: shared work with a timeline of numbered entries.

CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  owner_id TEXT NOT NULL REFERENCES users (id),
  team_id TEXT REFERENCES teams (id),      -- NULL: private to its owner
  title TEXT NOT NULL,
  goal TEXT NOT NULL,
  title_key TEXT COLLATE BINARY NOT NULL,  -- lower case, for the order by title
  search TEXT NOT NULL,                    -- title and goal in lower case, for the filter
  status TEXT NOT NULL,                    -- active | committed | archived
  was TEXT NOT NULL,                       -- the status that an archived one goes back to
  entries BIGINT NOT NULL DEFAULT 0,       -- the newest entry's number: they count from 1 without a gap
  source_volume_id TEXT,                   -- imported into this volume …
  source_id TEXT,                          -- … from a file with this id …
  source_sha TEXT,                         -- … and these bytes; '' until all of it is there
  extra TEXT NOT NULL DEFAULT '{}',        -- JSON: what an imported file says beyond what is known here
  deleted_at BIGINT,
  active_at BIGINT NOT NULL,               -- the newest entry's time
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX sessions_owner ON sessions (owner_id, active_at);
CREATE INDEX sessions_team ON sessions (team_id, active_at);
CREATE INDEX sessions_trash ON sessions (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE UNIQUE INDEX sessions_source ON sessions (source_volume_id, source_id);

CREATE TABLE session_entries (
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (id),
  number BIGINT NOT NULL,
  kind TEXT NOT NULL,                      -- message | artifact | commit | joined
  author_id TEXT NOT NULL REFERENCES users (id),
  text TEXT NOT NULL,                      -- of messages, markdown
  html TEXT NOT NULL,                      -- made of the text, sanitised …
  rendering BIGINT NOT NULL,               -- … by this version of the rules
  data TEXT NOT NULL,                      -- JSON: the artifacts, the commit, what an import says
  edited_at BIGINT,
  deleted_at BIGINT,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX session_entries_number ON session_entries (session_id, number);

-- How far each person has read, and whether their coming was noted.
CREATE TABLE session_people (
  session_id TEXT NOT NULL REFERENCES sessions (id),
  user_id TEXT NOT NULL REFERENCES users (id),
  read_number BIGINT NOT NULL,
  joined_at BIGINT,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (session_id, user_id)
);

CREATE TABLE session_artifacts (
  session_id TEXT NOT NULL REFERENCES sessions (id),
  artifact_id TEXT NOT NULL,
  data TEXT NOT NULL,                      -- JSON: its names when it came, for when it is gone
  added_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (session_id, artifact_id)
);

CREATE TABLE session_attachments (
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (id),
  entry_id TEXT,                           -- NULL: uploaded, not sent yet
  position BIGINT NOT NULL DEFAULT 0,      -- within its message
  uploaded_by TEXT NOT NULL,
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  sha TEXT NOT NULL,                       -- blob
  size BIGINT NOT NULL,
  width BIGINT,                            -- of pictures, which were encoded anew
  height BIGINT,
  created_at BIGINT NOT NULL
);
CREATE INDEX session_attachments_entry ON session_attachments (entry_id, position);
CREATE INDEX session_attachments_session ON session_attachments (session_id);
CREATE INDEX session_attachments_unsent ON session_attachments (created_at) WHERE entry_id IS NULL;

-- The record of a session that a commit saved into a volume, as sessions/<id>.json there. The newest of a path is the current one.
CREATE TABLE session_records (
  commit_id TEXT NOT NULL,
  volume_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  path TEXT COLLATE BINARY NOT NULL,
  title TEXT NOT NULL,
  sha TEXT NOT NULL,                       -- blob
  size BIGINT NOT NULL,
  change TEXT NOT NULL,                    -- created | updated
  current BIGINT NOT NULL,                 -- 0/1
  created_at BIGINT NOT NULL,
  PRIMARY KEY (commit_id, path)
);
CREATE INDEX session_records_volume ON session_records (volume_id, path, current);
