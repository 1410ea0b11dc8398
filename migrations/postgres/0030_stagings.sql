-- Commits that are written and not visible yet: whoever has the volume's turn next takes them back.
CREATE TABLE stagings (
  commit_id TEXT PRIMARY KEY,
  volume_id TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX stagings_volume ON stagings (volume_id);
INSERT INTO stagings (commit_id, volume_id, created_at)
  SELECT r.commit_id, MIN(a.volume_id), MIN(r.created_at) FROM revisions r JOIN artifacts a ON a.id = r.artifact_id
  WHERE NOT EXISTS (SELECT 1 FROM commits c WHERE c.id = r.commit_id) GROUP BY r.commit_id;
