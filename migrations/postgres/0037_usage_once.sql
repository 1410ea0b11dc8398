-- Events that are told of again and again, by deliveries and by the history of a repository, and count once. They are known here for ever: the events
-- themselves go after their time, and what they added up to stays.

CREATE TABLE usage_once (
  workspace INTEGER NOT NULL,              -- of usage_keys, as the subject
  kind SMALLINT NOT NULL,
  subject INTEGER NOT NULL,
  at BIGINT NOT NULL,                      -- UTC milliseconds, as their source says
  PRIMARY KEY (workspace, kind, subject, at)
);

-- Pull requests, and commits that GitHub told of: those made here have an id of another length.
INSERT INTO usage_once (workspace, kind, subject, at)
SELECT DISTINCT e.workspace, e.kind, e.subject, e.at FROM usage_events e JOIN usage_keys k ON k.id = e.subject
WHERE e.kind IN (320, 321, 322) OR (e.kind = 212 AND LENGTH(k.text) IN (40, 64));
