-- A volume that is in step with a branch of a repository elsewhere.
CREATE TABLE git_links (
  volume_id TEXT PRIMARY KEY REFERENCES volumes (id),
  url TEXT NOT NULL,
  branch TEXT NOT NULL,
  folder TEXT NOT NULL,                    -- '' or a path without slashes at its ends
  token BLOB,                              -- sealed with a key that is made from SECRET_KEY
  push BIGINT NOT NULL,                    -- whether each commit of the volume is pushed by itself
  last_sha TEXT,                           -- the commit of the repository that the volume has everything of
  last_commit TEXT,                        -- up to this commit the repository has everything of the volume
  behind BIGINT NOT NULL DEFAULT 0,        -- commits of the repository that the volume lacked when it was looked at last
  notice TEXT,                             -- one sentence, such as that the history was rewritten
  last_error TEXT,                         -- one sentence; NULL: the last time went well
  conflicts TEXT NOT NULL DEFAULT '[]',    -- JSON: ids of artifacts whose draft waited for a merge
  report TEXT,                             -- JSON of the last pull that changed something
  linked_by TEXT NOT NULL REFERENCES users (id),
  last_sync_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX git_links_url ON git_links (url);
