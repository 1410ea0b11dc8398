-- The live form of an artifact's main file while several edit it: a Yjs document with the text `content`.
CREATE TABLE documents (
  artifact_id TEXT COLLATE "C" PRIMARY KEY REFERENCES artifacts (id) ON DELETE CASCADE,
  state BYTEA NOT NULL,                     -- a Yjs update (second encoding) that makes all of it up to `number`
  number BIGINT NOT NULL,
  settled BIGINT NOT NULL,                 -- the draft (or the head, without one) holds everything up to this number
  base_revision_id TEXT COLLATE "C",                   -- what a draft of it begins with
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

-- What came after the state.
CREATE TABLE document_updates (
  artifact_id TEXT COLLATE "C" NOT NULL REFERENCES documents (artifact_id) ON DELETE CASCADE,
  number BIGINT NOT NULL,
  author_id TEXT COLLATE "C" REFERENCES users (id),     -- NULL: it follows a draft that was written otherwise
  data BYTEA NOT NULL,                      -- a Yjs update, second encoding
  created_at BIGINT NOT NULL,
  PRIMARY KEY (artifact_id, number)
);

-- Who wrote on a draft since it began, and with whom a revision was written.
CREATE TABLE draft_authors (
  artifact_id TEXT COLLATE "C" NOT NULL REFERENCES artifacts (id) ON DELETE CASCADE,
  user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id),
  PRIMARY KEY (artifact_id, user_id)
);
CREATE TABLE revision_contributors (
  revision_id TEXT COLLATE "C" NOT NULL REFERENCES revisions (id) ON DELETE CASCADE,
  user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id),
  PRIMARY KEY (revision_id, user_id)
);
