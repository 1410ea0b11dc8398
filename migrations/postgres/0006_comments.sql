-- Comments: threads about an artifact or about an entry of a session. They stay when what they are about goes into the trash.

CREATE TABLE comment_threads (
  id TEXT COLLATE "C" PRIMARY KEY,
  artifact_id TEXT,                        -- either this one …
  session_id TEXT,                         -- … or both of these
  entry_id TEXT,
  anchor TEXT,                             -- JSON {start, end, quote}: a range of the artifact's text, as the editor wrote it
  author_id TEXT NOT NULL REFERENCES users (id),
  comments BIGINT NOT NULL,                -- the newest comment's number: they count from 1 without a gap
  resolved_at BIGINT,
  resolved_by TEXT REFERENCES users (id),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX comment_threads_artifact ON comment_threads (artifact_id, id) WHERE artifact_id IS NOT NULL;
CREATE INDEX comment_threads_session ON comment_threads (session_id, id) WHERE session_id IS NOT NULL;
CREATE INDEX comment_threads_entry ON comment_threads (entry_id, id) WHERE entry_id IS NOT NULL;

CREATE TABLE comments (
  id TEXT COLLATE "C" PRIMARY KEY,
  thread_id TEXT NOT NULL REFERENCES comment_threads (id),
  number BIGINT NOT NULL,
  author_id TEXT NOT NULL REFERENCES users (id),
  text TEXT NOT NULL,                      -- markdown; empty when deleted
  html TEXT NOT NULL,                      -- made of the text, sanitised …
  rendering BIGINT NOT NULL,               -- … by this version of the rules
  edited_at BIGINT,
  deleted_at BIGINT,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX comments_number ON comments (thread_id, number);

-- What the bell shows to one account.
CREATE TABLE notifications (
  id TEXT COLLATE "C" PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  kind TEXT NOT NULL,                      -- mention | reply | invitation
  subject_kind TEXT NOT NULL,              -- session | artifact | team: they are grouped by it …
  subject_id TEXT NOT NULL,                -- … and this
  team_id TEXT,                            -- only its members see it; NULL: nobody else is concerned
  source_id TEXT NOT NULL,                 -- the entry, the comment or the invitation that it tells of
  actor_id TEXT NOT NULL REFERENCES users (id),
  title TEXT NOT NULL,                     -- what the subject is called
  excerpt TEXT NOT NULL,                   -- the beginning of what was written
  data TEXT NOT NULL,                      -- JSON: where exactly
  entry_number BIGINT,                     -- of a message in a session: read with it
  read_at BIGINT,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX notifications_source ON notifications (source_id, user_id);
CREATE INDEX notifications_user ON notifications (user_id, subject_kind, subject_id, id);
CREATE INDEX notifications_unread ON notifications (user_id) WHERE read_at IS NULL;
CREATE INDEX notifications_old ON notifications (created_at);

-- The account that an invitation was made for, if it is known: it accepts without the link.
ALTER TABLE invitations ADD COLUMN user_id TEXT;
