-- Whether a node hears none of the others: these then look into the database more often, too.
ALTER TABLE nodes ADD COLUMN alone BIGINT NOT NULL DEFAULT 0;
