-- Questions to the assistant, from the queue to the answer.
CREATE TABLE assistant_runs (
  id TEXT COLLATE "C" PRIMARY KEY,                     -- UUIDv7
  session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  question_id TEXT COLLATE "C" NOT NULL,               -- the entry that asks
  answer_id TEXT COLLATE "C" NOT NULL,                 -- the entry that answers, once it is there
  asked_by TEXT COLLATE "C" NOT NULL REFERENCES users (id),
  state TEXT NOT NULL,                     -- queued | running | waiting | answered | stopped | failed
  stop BIGINT NOT NULL,                    -- 1: somebody wants it to end
  problem TEXT,                            -- why it failed, in a sentence
  skills TEXT NOT NULL,                    -- JSON: those that it was given
  rounds TEXT NOT NULL,                    -- JSON: what the model said and called so far, each round as a whole
  model TEXT,
  tokens_in BIGINT NOT NULL,
  tokens_out BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  started_at BIGINT,
  ended_at BIGINT
);
CREATE INDEX assistant_runs_session ON assistant_runs (session_id, state, id);

-- What people of a session have said about skills that the assistant is given there.
CREATE TABLE assistant_choices (
  session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  artifact_id TEXT COLLATE "C" NOT NULL,
  choice TEXT NOT NULL,                    -- pinned | left_out
  created_at BIGINT NOT NULL,
  PRIMARY KEY (session_id, artifact_id)
);

-- Tools that somebody lets the assistant run in their browser as long as the session goes on.
CREATE TABLE assistant_grants (
  session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  artifact_id TEXT COLLATE "C" NOT NULL,
  user_id TEXT COLLATE "C" NOT NULL,
  sha TEXT NOT NULL,                       -- SHA-256 of the tool's text: another text is asked for anew
  created_at BIGINT NOT NULL,
  PRIMARY KEY (session_id, artifact_id, user_id)
);
