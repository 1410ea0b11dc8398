-- Teams that came with an archive: from where, and what they have elsewhere. A row is there before anything of its team is.
CREATE TABLE team_imports (
  team_id TEXT COLLATE "C" PRIMARY KEY,             -- here
  job_id TEXT NOT NULL,
  done BIGINT NOT NULL,                    -- 0: rows are being written, and nobody sees them
  source_id TEXT COLLATE "C" NOT NULL,              -- of the team where it was exported
  source_site TEXT NOT NULL,
  exported_at BIGINT NOT NULL,
  content_sha TEXT NOT NULL,               -- over all rows: the same again is the same team
  carried TEXT NOT NULL,                   -- JSON: listings, installations and totals of where it was
  key BIGINT NOT NULL,                     -- what its ids differ by from those of the archive
  imported_by TEXT COLLATE "C" NOT NULL REFERENCES users (id),
  created_at BIGINT NOT NULL
);
CREATE INDEX team_imports_source ON team_imports (source_id);
