-- What GitHub told us, kept before it was answered.
CREATE TABLE deliveries (
  id TEXT COLLATE "C" PRIMARY KEY,                       -- UUIDv7, in the order in which they were stored
  guid TEXT NOT NULL UNIQUE,               -- GitHub's id of the delivery; a redelivery has the same
  event TEXT NOT NULL,
  action TEXT NOT NULL,                    -- '' where the event has none
  repository TEXT NOT NULL,                -- owner/name in lower case; '' where it is about none
  about TEXT NOT NULL,                     -- the branch of a push, the number of an issue …; '' for nothing
  headers TEXT NOT NULL,                   -- JSON object of those worth keeping
  address TEXT NOT NULL,                   -- the client's
  listed BIGINT,                           -- whether GitHub's published ranges had the address; NULL: they were not known
  signed_by TEXT NOT NULL,                 -- which secret the signature is of, in words
  size BIGINT NOT NULL,                    -- bytes of the payload
  state TEXT NOT NULL,                     -- received | done | ignored | failed
  attempts BIGINT NOT NULL DEFAULT 0,
  repeats BIGINT NOT NULL DEFAULT 0,       -- how often it came again
  done TEXT NOT NULL DEFAULT '[]',         -- JSON list of sentences: what was done because of it
  error TEXT,                              -- one sentence, when it failed, or failed last
  took BIGINT,                             -- milliseconds from its arrival until it was done
  received_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX deliveries_waiting ON deliveries (repository, id) WHERE state = 'received';
CREATE INDEX deliveries_state ON deliveries (state, id);
CREATE INDEX deliveries_event ON deliveries (event, id);
CREATE INDEX deliveries_repository ON deliveries (repository, id);

-- Apart: what becomes of a delivery is written often, its payload once.
CREATE TABLE delivery_payloads (
  id TEXT COLLATE "C" PRIMARY KEY REFERENCES deliveries (id) ON DELETE CASCADE,
  data BYTEA NOT NULL                        -- JSON, as an LZ4 block behind its size
);

-- Secrets of single repositories, beside those of the whole server.
CREATE TABLE webhook_secrets (
  repository TEXT COLLATE "C" PRIMARY KEY,               -- owner/name in lower case
  sealed BYTEA NOT NULL,                     -- one or, during rotation, several
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

-- Where GitHub says that its deliveries come from.
CREATE TABLE webhook_networks (
  network TEXT COLLATE "C" PRIMARY KEY,                  -- such as 192.30.252.0/22
  updated_at BIGINT NOT NULL
);

-- What of a repository's deliveries was missing when GitHub was last asked.
CREATE TABLE webhook_checks (
  repository TEXT COLLATE "C" PRIMARY KEY,
  sent BIGINT NOT NULL,                    -- by GitHub, within three days
  missing BIGINT NOT NULL,                 -- of those, not here
  asked_again BIGINT NOT NULL,             -- redeliveries that were asked for
  error TEXT,                              -- one sentence: why it could not be found out
  updated_at BIGINT NOT NULL
);
