-- Patterns of all teams that allow it. Their place is `system`.

-- Of a team: 1: its runs take part in the patterns of all teams.
ALTER TABLE evolution_places ADD COLUMN shares BIGINT NOT NULL DEFAULT 0;
-- Of a pattern of all teams: how many teams its runs are of; otherwise 0.
ALTER TABLE patterns ADD COLUMN teams BIGINT NOT NULL DEFAULT 0;
