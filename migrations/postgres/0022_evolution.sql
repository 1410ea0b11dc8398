-- What traces have in common, for each level: an account's own, and a team's.

-- How evolution runs in a place; without a row, as the defaults say.
CREATE TABLE evolution_places (
  place_id TEXT COLLATE "C" PRIMARY KEY,               -- of the account or team
  level TEXT NOT NULL,                     -- user | team
  paused BIGINT NOT NULL,
  cron TEXT NOT NULL,                      -- when a pass comes back
  zone TEXT NOT NULL,
  after_new BIGINT NOT NULL,                   -- new traces after which a pass is made
  shown_runs BIGINT NOT NULL,
  listed DOUBLE PRECISION NOT NULL,
  proposed DOUBLE PRECISION NOT NULL,
  next_at BIGINT,                          -- of the schedule
  updated_at BIGINT NOT NULL
);

-- Traces that are not grouped yet, or whose outcome changed.
CREATE TABLE evolution_waiting (
  place_id TEXT COLLATE "C" NOT NULL,
  trace_id TEXT COLLATE "C" NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
  PRIMARY KEY (place_id, trace_id)
);

CREATE TABLE patterns (
  id TEXT COLLATE "C" PRIMARY KEY,                     -- UUIDv7
  place_id TEXT COLLATE "C" NOT NULL,
  level TEXT NOT NULL,
  number BIGINT NOT NULL,                  -- its name in the engine; given once
  name TEXT NOT NULL,
  slug TEXT NOT NULL,
  runs BIGINT NOT NULL,
  successes BIGINT NOT NULL,
  people BIGINT NOT NULL,
  cohesion DOUBLE PRECISION NOT NULL,
  confidence DOUBLE PRECISION NOT NULL,    -- when it was last looked at
  last_at BIGINT NOT NULL,                 -- the end of its latest run
  summary TEXT NOT NULL,                   -- JSON: what its runs share
  gone_at BIGINT,                          -- it has no trace left …
  into_id TEXT COLLATE "C",                            -- … most are in this one
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX patterns_number ON patterns (place_id, number);
CREATE INDEX patterns_place ON patterns (place_id, confidence) WHERE gone_at IS NULL;

CREATE TABLE pattern_traces (
  place_id TEXT COLLATE "C" NOT NULL,
  trace_id TEXT COLLATE "C" NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
  number BIGINT NOT NULL,
  PRIMARY KEY (place_id, trace_id)
);
CREATE INDEX pattern_traces_number ON pattern_traces (place_id, number, trace_id);
CREATE INDEX pattern_traces_trace ON pattern_traces (trace_id);

-- Splits and merges.
CREATE TABLE pattern_events (
  id TEXT COLLATE "C" PRIMARY KEY,                     -- UUIDv7
  place_id TEXT COLLATE "C" NOT NULL,
  kind TEXT NOT NULL,                      -- split | merged
  pattern_id TEXT COLLATE "C" NOT NULL REFERENCES patterns (id), -- it lost traces …
  others TEXT NOT NULL,                    -- … to these: JSON list of ids
  created_at BIGINT NOT NULL
);
CREATE INDEX pattern_events_pattern ON pattern_events (pattern_id, id);

CREATE TABLE proposals (
  id TEXT COLLATE "C" PRIMARY KEY,                     -- UUIDv7
  place_id TEXT COLLATE "C" NOT NULL,
  level TEXT NOT NULL,
  pattern_id TEXT COLLATE "C" NOT NULL REFERENCES patterns (id),
  kind TEXT NOT NULL,                      -- new | improves | retire
  state TEXT NOT NULL,                     -- open | snoozed | accepted | ignored
  slug TEXT NOT NULL,
  text TEXT NOT NULL,                      -- the whole SKILL.md
  artifact_id TEXT COLLATE "C",                        -- the skill that it improves, retires, or became
  confidence DOUBLE PRECISION NOT NULL,    -- when it was written
  runs BIGINT NOT NULL,
  author TEXT NOT NULL,                    -- generator | the name of a model
  saves BIGINT NOT NULL DEFAULT 0,         -- counts edits by people
  until BIGINT,                            -- snoozed so long
  reason TEXT,                             -- why it was promoted, ignored …
  decided_by TEXT COLLATE "C" REFERENCES users (id),
  decided_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
-- A pass that is made twice proposes once.
CREATE UNIQUE INDEX proposals_open ON proposals (pattern_id, kind) WHERE state IN ('open', 'snoozed');
CREATE INDEX proposals_place ON proposals (place_id, state, id);
CREATE INDEX proposals_artifact ON proposals (artifact_id) WHERE artifact_id IS NOT NULL;

-- What passes did.
CREATE TABLE evolution_runs (
  id TEXT COLLATE "C" PRIMARY KEY,                     -- that of the job
  place_id TEXT COLLATE "C" NOT NULL,
  cause TEXT NOT NULL,                     -- asked | schedule | traces | push
  asked_by TEXT COLLATE "C" REFERENCES users (id),
  state TEXT NOT NULL,                     -- running | done | failed
  traces BIGINT NOT NULL DEFAULT 0,
  patterns BIGINT NOT NULL DEFAULT 0,
  proposals BIGINT NOT NULL DEFAULT 0,
  log TEXT NOT NULL DEFAULT '[]',          -- JSON list of lines
  error TEXT,
  started_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX evolution_runs_place ON evolution_runs (place_id, id);
