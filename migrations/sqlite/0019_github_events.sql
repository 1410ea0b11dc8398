-- What a team has to do: made by hand, or following an issue of a repository that a volume of the team is linked to.
CREATE TABLE tasks (
  id TEXT PRIMARY KEY,                       -- UUIDv7
  team_id TEXT NOT NULL REFERENCES teams (id),
  title TEXT NOT NULL,
  search TEXT NOT NULL,                    -- title, number and labels in lower case, to be filtered by
  state TEXT NOT NULL,                     -- open | closed
  assignee_id TEXT REFERENCES users (id),  -- chosen by hand
  assignee_login TEXT,                     -- at GitHub, of a task that follows an issue …
  assignee_github TEXT,                    -- … and the id there, which an account here may be linked to
  labels TEXT NOT NULL DEFAULT '[]',       -- JSON list of texts
  repository TEXT,                         -- owner/name in lower case; NULL: it follows no issue
  number BIGINT,
  url TEXT,                                -- of the issue
  issue_at BIGINT,                         -- when the issue last changed, as the newest event says …
  delivery TEXT,                           -- … and the delivery that said so: of one second, the later one counts
  gone_at BIGINT,                          -- the issue was deleted or moved away: kept without its words, so that an older event does not bring it back
  created_by TEXT NOT NULL REFERENCES users (id),
  closed_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX tasks_issue ON tasks (team_id, repository, number);
CREATE INDEX tasks_team ON tasks (team_id, state, id) WHERE gone_at IS NULL;

-- What a task is about.
CREATE TABLE task_artifacts (
  task_id TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  artifact_id TEXT NOT NULL REFERENCES artifacts (id) ON DELETE CASCADE,
  PRIMARY KEY (task_id, artifact_id)
);
CREATE INDEX task_artifacts_artifact ON task_artifacts (artifact_id, task_id);

-- Pull requests to the branch that a volume is linked to.
CREATE TABLE pull_requests (
  volume_id TEXT NOT NULL REFERENCES volumes (id),
  repository TEXT NOT NULL,                -- owner/name in lower case
  number BIGINT NOT NULL,
  title TEXT NOT NULL,
  author TEXT NOT NULL,                    -- the login at GitHub
  url TEXT NOT NULL,
  state TEXT NOT NULL,                     -- open | closed | merged
  draft BIGINT NOT NULL,
  head_sha TEXT NOT NULL,                  -- as the newest event says
  event_at BIGINT NOT NULL,                -- when it last changed, as the newest event says …
  delivery TEXT NOT NULL,                  -- … and the delivery that said so
  looked_sha TEXT,                         -- the commit that the preview is of
  changes TEXT NOT NULL DEFAULT '[]',      -- JSON: artifacts that it would change
  findings TEXT NOT NULL DEFAULT '[]',     -- JSON: what the scanner says of them
  problem TEXT,                            -- one sentence: why there is no preview
  checked_sha TEXT,                        -- the commit that the result was told to GitHub of
  checked TEXT,                            -- one sentence: how, or why not
  comment_id BIGINT,                       -- of our comment there, where it was told so
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (volume_id, repository, number)
);

-- Reviews of them; of each reviewer the latest counts.
CREATE TABLE pull_request_reviews (
  volume_id TEXT NOT NULL REFERENCES volumes (id),
  repository TEXT NOT NULL,
  number BIGINT NOT NULL,
  review_id BIGINT NOT NULL,               -- GitHub's
  reviewer TEXT NOT NULL,
  state TEXT NOT NULL,                     -- approved | changes_requested | dismissed
  submitted_at BIGINT NOT NULL,
  PRIMARY KEY (volume_id, repository, number, review_id)
);
