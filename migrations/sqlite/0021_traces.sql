-- Records of agents' runs.
CREATE TABLE traces (
  id TEXT PRIMARY KEY,                     -- UUIDv7 of the time at which the run began, so that ids order runs by it
  place_id TEXT NOT NULL,                  -- whose it is: the team, or the account where it is private
  team_id TEXT REFERENCES teams (id),      -- NULL: private to the account
  user_id TEXT NOT NULL REFERENCES users (id), -- the account that ran it or brought it in
  source TEXT NOT NULL,                    -- assistant | api | otlp | claude_code | markdown
  source_id TEXT NOT NULL,                 -- what its source calls it: once in a place
  person TEXT,                             -- who ran it, as the source names them
  session_id TEXT,                         -- of ours
  conversation TEXT,                       -- what the source calls the conversation that it was a part of
  commit_id TEXT,                          -- that came of it
  model TEXT,
  goal TEXT NOT NULL,
  outcome TEXT NOT NULL,                   -- succeeded | failed | unknown
  rating BIGINT,                           -- 1 to 5, by a person …
  rated_by TEXT REFERENCES users (id),     -- … here; NULL: the source has it
  tokens_in BIGINT NOT NULL,
  tokens_out BIGINT NOT NULL,
  cost DOUBLE PRECISION NOT NULL,          -- US dollars
  steps BIGINT NOT NULL,
  failed_steps BIGINT NOT NULL,
  skills TEXT NOT NULL,                    -- JSON list of slugs
  notices TEXT NOT NULL,                   -- JSON list: what was put in order
  started_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX traces_source ON traces (place_id, source_id);
CREATE INDEX traces_session ON traces (session_id, id) WHERE session_id IS NOT NULL;

-- What happened in a run, apart from it: lists do not read it.
CREATE TABLE trace_steps (
  trace_id TEXT PRIMARY KEY REFERENCES traces (id) ON DELETE CASCADE,
  steps BLOB NOT NULL                      -- JSON list, compressed by lz4
);

-- What lists are narrowed by: that it is a trace, each word of its goal, tool, skill, person, model, outcome, source, rating, session.
CREATE TABLE trace_labels (
  tag BIGINT PRIMARY KEY,                  -- from a hash of the next three
  place_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  runs BIGINT NOT NULL
);
CREATE INDEX trace_labels_runs ON trace_labels (place_id, kind, runs);
CREATE INDEX trace_labels_name ON trace_labels (place_id, kind, name);

-- Which traces have a label, in the order of time.
CREATE TABLE trace_postings (
  tag BIGINT NOT NULL,
  trace BLOB NOT NULL,                     -- the 16 bytes of the id
  PRIMARY KEY (tag, trace)
) WITHOUT ROWID;

-- Spans of OpenTelemetry of runs that may not be whole yet: what comes later is put together with them.
CREATE TABLE trace_runs (
  trace_id TEXT PRIMARY KEY REFERENCES traces (id) ON DELETE CASCADE,
  run BLOB NOT NULL,                        -- JSON, compressed by lz4
  updated_at BIGINT NOT NULL
);
CREATE INDEX trace_runs_updated ON trace_runs (updated_at);
