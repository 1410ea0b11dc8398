-- Vectors of texts, by the SHA-256 of what was embedded: what took minutes is never done twice.
CREATE TABLE embeddings (
  model TEXT NOT NULL,                     -- what vectors may be compared: name, dimension, pooling and hash of the weights
  sha TEXT NOT NULL,
  vector BLOB NOT NULL,                     -- 32-bit floats, little-endian
  used_at BIGINT NOT NULL,                 -- of a day: what nothing needs any more goes after a while
  PRIMARY KEY (model, sha)
);
