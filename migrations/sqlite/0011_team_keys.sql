-- Keys of a team at services outside, sealed with a key that is made from SECRET_KEY: XChaCha20-Poly1305, a nonce of 24 bytes in front.
CREATE TABLE team_keys (
  team_id TEXT NOT NULL REFERENCES teams (id),
  provider TEXT NOT NULL,                  -- openai
  sealed BLOB NOT NULL,
  hint TEXT NOT NULL,                      -- the last four characters
  created_by TEXT NOT NULL REFERENCES users (id),
  created_at BIGINT NOT NULL,
  PRIMARY KEY (team_id, provider)
);
