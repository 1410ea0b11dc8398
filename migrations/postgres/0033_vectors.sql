-- Vectors of passages where the extension pgvector is: which documents are near a question is then asked here, of many passages.
-- Without the extension, or the right to create it, nothing is made, and each node finds them in its own memory.
DO $$
BEGIN
  BEGIN
    CREATE EXTENSION IF NOT EXISTS vector;
  EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'pgvector cannot be had: %', SQLERRM;
  END;
  IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'vector') THEN
    CREATE TABLE IF NOT EXISTS passage_vectors (
      model TEXT COLLATE "C" NOT NULL,      -- as in embeddings
      source TEXT COLLATE "C" NOT NULL,     -- the document's id
      passage BIGINT NOT NULL,              -- its number in the document
      scope TEXT COLLATE "C" NOT NULL,      -- where the document is: who may read it
      state TEXT COLLATE "C" NOT NULL,      -- of which text of the document, in hexadecimal
      embedding vector(384) NOT NULL,
      PRIMARY KEY (model, source, passage)
    );
    CREATE INDEX IF NOT EXISTS passage_vectors_near ON passage_vectors USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 100);
  END IF;
END
$$;
