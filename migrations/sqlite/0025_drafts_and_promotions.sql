-- Why a proposal has the text that was made without a model, where one was asked; a sentence.
ALTER TABLE proposals ADD COLUMN note TEXT;

-- Accepted skills that were taken to where more people find them. Rows stay as long as the pattern: they are its history.
CREATE TABLE promotions (
  id TEXT PRIMARY KEY,                     -- that of the copy: an artifact
  place_id TEXT NOT NULL,                  -- of the pattern: an account or a team
  pattern_id TEXT NOT NULL REFERENCES patterns (id),
  proposal_id TEXT NOT NULL REFERENCES proposals (id),
  level TEXT NOT NULL,                     -- where it went: team | system
  volume_id TEXT NOT NULL,
  volume_name TEXT NOT NULL,               -- as it was then
  reason TEXT NOT NULL,
  promoted_by TEXT NOT NULL REFERENCES users (id),
  committed BIGINT NOT NULL,               -- 1: the copy is there
  created_at BIGINT NOT NULL
);
-- What was begun and never ended is begun anew, not beside it.
CREATE UNIQUE INDEX promotions_begun ON promotions (proposal_id, volume_id) WHERE committed = 0;
CREATE INDEX promotions_proposal ON promotions (proposal_id, id);
CREATE INDEX promotions_pattern ON promotions (pattern_id, id);
CREATE INDEX promotions_place ON promotions (place_id);
