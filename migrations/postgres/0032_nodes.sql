-- Processes that serve this database together; each says every second that it lives.
CREATE TABLE nodes (
  id TEXT COLLATE "C" PRIMARY KEY,         -- of one life of a process
  name TEXT NOT NULL,                      -- of the machine, for people
  version TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,                 -- by the clock of the database
  leaving BIGINT NOT NULL                  -- 1: it was asked to stop
);

-- Who is in which room, by the node that they are connected to.
CREATE TABLE room_people (
  room_id TEXT COLLATE "C" NOT NULL,
  user_id TEXT COLLATE "C" NOT NULL,
  node_id TEXT COLLATE "C" NOT NULL,
  kind TEXT NOT NULL,                      -- of the room
  profile TEXT NOT NULL,                   -- JSON of the person as others see them
  created_at BIGINT NOT NULL,
  PRIMARY KEY (room_id, user_id, node_id)
);
CREATE INDEX room_people_node ON room_people (node_id);
CREATE INDEX room_people_kind ON room_people (kind, room_id);

-- The number that the newest update of a document has: whoever stores one counts it up, and has the document's row until the commit.
ALTER TABLE documents ADD COLUMN newest BIGINT NOT NULL DEFAULT 0;
UPDATE documents SET newest = GREATEST(
  number, settled, COALESCE((SELECT MAX(u.number) FROM document_updates u WHERE u.artifact_id = documents.artifact_id), 0));

-- The node whose DATA_DIR has what a job works on, over its restarts; '' where any will do.
ALTER TABLE jobs ADD COLUMN home TEXT COLLATE "C" NOT NULL DEFAULT '';
