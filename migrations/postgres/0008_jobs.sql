-- Jobs with an order, a priority and an end: what the runner of `features/jobs` chooses by.
ALTER TABLE jobs ADD COLUMN key TEXT NOT NULL DEFAULT '';             -- jobs of one key run one after another; '' has no order
ALTER TABLE jobs ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;       -- higher first
ALTER TABLE jobs ADD COLUMN cancel_requested BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN started_at BIGINT;

DROP INDEX jobs_due;
CREATE INDEX jobs_due ON jobs (kind, priority DESC, run_at, id) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (leased_until) WHERE state = 'running';
CREATE INDEX jobs_order ON jobs (key, id) WHERE key <> '' AND state IN ('queued', 'running');
CREATE INDEX jobs_ended ON jobs (state, updated_at) WHERE state IN ('done', 'failed', 'cancelled');

-- When a kind of job that comes back is due next.
CREATE TABLE schedules (
  kind TEXT PRIMARY KEY,
  pattern TEXT NOT NULL,                   -- cron expression and time zone; another one than the program's is forgotten
  next_at BIGINT NOT NULL,
  last_at BIGINT
);
