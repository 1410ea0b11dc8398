-- Second factors of accounts: apps with one-time codes, and passkeys.
CREATE TABLE factors (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  kind TEXT NOT NULL,                      -- totp | passkey
  name TEXT NOT NULL,
  credential_id TEXT,                      -- of a passkey, in base64url
  secret BLOB NOT NULL,                    -- totp: sealed under SECRET_KEY, as team_keys; passkey: its public half, JSON
  counter BIGINT NOT NULL,                 -- totp: the last step whose code was taken; passkey: how often the device signed, as it says
  backed_up BIGINT NOT NULL,               -- a passkey that its device keeps elsewhere, too
  last_used_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX factors_user ON factors (user_id, id);
CREATE UNIQUE INDEX factors_credential ON factors (credential_id);

-- Each stands once for a lost factor. 120 random bits: a fast hash is enough.
CREATE TABLE recovery_codes (
  code_hash TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  used_at BIGINT,
  created_at BIGINT NOT NULL
);
CREATE INDEX recovery_codes_user ON recovery_codes (user_id);

-- What was begun and waits for its second half for a few minutes: a sign-in for its factor, a passkey for what it signs.
CREATE TABLE challenges (
  key_hash TEXT PRIMARY KEY,               -- of the secret in the browser's cookie, or of the sign-in that asked
  purpose TEXT NOT NULL,
  user_id TEXT REFERENCES users (id),      -- NULL: it is not known yet who it is
  how TEXT NOT NULL,                       -- what the first half was
  sealed BLOB,
  tries BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX challenges_user ON challenges (user_id);

-- Accounts at an issuer of OpenID Connect. A subject is never given to anybody else there, an address may be.
CREATE TABLE oidc_identities (
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES users (id),
  last_used_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (issuer, subject)
);
CREATE UNIQUE INDEX oidc_identities_user ON oidc_identities (user_id, issuer);

-- Browsers that an account has signed in with: of another one it is told.
CREATE TABLE known_devices (
  user_id TEXT NOT NULL REFERENCES users (id),
  device_hash TEXT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, device_hash)
);

-- When the person last proved who they are; those of before have to do so anew.
ALTER TABLE sign_ins ADD COLUMN confirmed_at BIGINT NOT NULL DEFAULT 0;
-- 1: only members with a second factor see it.
ALTER TABLE teams ADD COLUMN requires_factor BIGINT NOT NULL DEFAULT 0;
