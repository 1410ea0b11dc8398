-- What usage events add up to: cells (crates/analytics, `codec`) of each quarter of an hour, and of each local day of the time zones that people look from.
-- Rows of one generation count; another one is being made anew beside it, or is on its way out.

CREATE TABLE usage_rolled (
  id BIGINT PRIMARY KEY CHECK (id = 1),
  generation BIGINT NOT NULL,              -- the one that counts
  tx BIGINT NOT NULL,                      -- the last event that is in it; 0 where numbers alone tell the order
  seq BIGINT NOT NULL,
  at BIGINT NOT NULL,                      -- when it was counted, UTC milliseconds
  floor BIGINT NOT NULL                    -- the first quarter of an hour whose events are all kept
);
INSERT INTO usage_rolled (id, generation, tx, seq, at, floor) VALUES (1, 1, 0, 0, 0, -1000000000);

CREATE TABLE usage_quarters (
  generation BIGINT NOT NULL,
  workspace BIGINT NOT NULL,               -- of usage_keys; 0 is the server
  quarter BIGINT NOT NULL,                 -- counted from 1970, UTC
  cells BYTEA NOT NULL,
  PRIMARY KEY (generation, workspace, quarter)
);

CREATE TABLE usage_workspaces (
  generation BIGINT NOT NULL,
  workspace BIGINT NOT NULL,
  version BIGINT NOT NULL,                 -- goes up with every change to its quarters
  first_quarter BIGINT NOT NULL,
  totals BYTEA NOT NULL,                    -- cells of all time
  PRIMARY KEY (generation, workspace)
);

-- Made of quarters whenever somebody asks, and gone when one of them changes.
CREATE TABLE usage_days (
  generation BIGINT NOT NULL,
  workspace BIGINT NOT NULL,
  zone TEXT COLLATE "C" NOT NULL,
  day BIGINT NOT NULL,                     -- counted from 1970, in that zone
  version BIGINT NOT NULL,                 -- of the workspace, when it was made
  starts BIGINT NOT NULL,                  -- its quarters: from the first up to, and without, the last
  ends BIGINT NOT NULL,
  summary BYTEA NOT NULL,
  marginals BYTEA NOT NULL,
  cube BYTEA NOT NULL,
  PRIMARY KEY (generation, workspace, zone, day)
);
CREATE INDEX usage_days_versions ON usage_days (generation, workspace, zone, day, version);
CREATE INDEX usage_days_quarters ON usage_days (generation, workspace, ends);

-- Whose days are kept ready.
CREATE TABLE usage_zones (
  workspace BIGINT NOT NULL,
  zone TEXT COLLATE "C" NOT NULL,
  used_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, zone)
);
