-- Vectors of passages are in the memory of the one node; on PostgreSQL they may be in the database as well.
SELECT 1;
