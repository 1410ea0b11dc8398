-- Every change to what a session says has a number, counted for those who may read it: a team, or the one whose session it is.
CREATE TABLE session_scopes (
  id TEXT PRIMARY KEY,                    -- of the team or the account
  number BIGINT NOT NULL
);
INSERT INTO session_scopes (id, number) SELECT DISTINCT COALESCE(team_id, owner_id), 0 FROM sessions;
ALTER TABLE sessions ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX sessions_team_changed ON sessions (team_id, changed);
CREATE INDEX sessions_owner_changed ON sessions (owner_id, changed);
