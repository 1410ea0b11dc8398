-- What people keep of analytics: questions under a name, links that show one to whoever has it, and what they want to be told of.
-- A question is JSON, as `/api/v1/analytics/views` takes it.

CREATE TABLE analytics_views (
  id TEXT COLLATE "C" PRIMARY KEY,
  owner_id TEXT COLLATE "C" NOT NULL REFERENCES users (id),
  team_id TEXT COLLATE "C" REFERENCES teams (id),      -- everybody in it sees the view; NULL: its owner alone
  name TEXT NOT NULL,
  query TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX analytics_views_owner ON analytics_views (owner_id);
CREATE INDEX analytics_views_team ON analytics_views (team_id);

-- Shows what its owner may see at that moment, and ends with the owner's right to it.
CREATE TABLE analytics_shares (
  id TEXT COLLATE "C" PRIMARY KEY,
  owner_id TEXT COLLATE "C" NOT NULL REFERENCES users (id),
  name TEXT NOT NULL,
  query TEXT NOT NULL,
  token_hash TEXT COLLATE "C" NOT NULL UNIQUE,         -- SHA-256 of the secret, which is shown once
  names BIGINT NOT NULL,                   -- 1: with the names of people
  expires_at BIGINT,
  revoked_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX analytics_shares_owner ON analytics_shares (owner_id);

-- Tells its owner when a number leaves its bounds; once, until it has been within them again.
CREATE TABLE analytics_alerts (
  id TEXT COLLATE "C" PRIMARY KEY,
  owner_id TEXT COLLATE "C" NOT NULL REFERENCES users (id),
  name TEXT NOT NULL,
  query TEXT NOT NULL,
  metric TEXT NOT NULL,
  rule TEXT NOT NULL,                      -- above | below | unusual
  threshold DOUBLE PRECISION,              -- NULL where the rule is unusual
  firing BIGINT NOT NULL,                  -- 1: it was out of bounds when it was looked at last
  checked_day BIGINT NOT NULL,             -- the local day it was looked at last, counted from 1970; 0: never
  fired_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX analytics_alerts_owner ON analytics_alerts (owner_id);
