-- Patterns whose rows do not say yet what their traces say. Whatever moves a trace writes this in the same transaction; whoever comes next writes the rows.
CREATE TABLE evolution_stale (
  place_id TEXT COLLATE "C" NOT NULL,
  number BIGINT NOT NULL,
  went TEXT NOT NULL,                      -- JSON list of numbers: where a pass put traces of it, most of them first
  marks BIGINT NOT NULL,                   -- how often it was marked: what is marked again meanwhile stays
  PRIMARY KEY (place_id, number)
);
-- What crashes left before: patterns with other runs than they have traces, traces without patterns, and proposals of patterns that went into others.
INSERT INTO evolution_stale (place_id, number, went, marks)
  SELECT p.place_id, p.number, '[]', 1 FROM patterns p
    WHERE p.gone_at IS NULL AND p.runs <> (SELECT COUNT(*) FROM pattern_traces t WHERE t.place_id = p.place_id AND t.number = p.number)
  UNION SELECT t.place_id, t.number, '[]', 1 FROM pattern_traces t
    WHERE NOT EXISTS (SELECT 1 FROM patterns p WHERE p.place_id = t.place_id AND p.number = t.number AND p.gone_at IS NULL)
  UNION SELECT p.place_id, p.number, '[]', 1 FROM patterns p JOIN proposals o ON o.pattern_id = p.id WHERE p.into_id IS NOT NULL;

-- How often a trace was marked to be grouped: what changes while it is grouped stays marked.
ALTER TABLE evolution_waiting ADD COLUMN marks BIGINT NOT NULL DEFAULT 1;
-- Traces that came, went or changed since the last pass.
ALTER TABLE evolution_places ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
-- Of an improvement: the revision that its text was made of.
ALTER TABLE proposals ADD COLUMN base_id TEXT;
-- 1: its usage events are written. Runs are counted once nothing has come of them for a while.
ALTER TABLE trace_runs ADD COLUMN counted BIGINT NOT NULL DEFAULT 1;

-- Traces get the labels that this version brings.
INSERT INTO jobs (id, kind, state, payload, owner_id, key, priority, run_at, created_at, updated_at, home)
  SELECT '0198a000-0000-7000-8000-000000000038', 'traces.label', 'queued', '{}', '', 'traces.label', 0, 0, 0, 0, ''
  WHERE EXISTS (SELECT 1 FROM traces);
