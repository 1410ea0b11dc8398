-- How an account is told beside the bell. Whoever never chose anything has no rows here: then the defaults of the kinds count.
CREATE TABLE notification_settings (
  user_id TEXT COLLATE "C" PRIMARY KEY REFERENCES users (id),
  mail BIGINT NOT NULL,                    -- 0: no mail at all, whatever the kinds say
  digest TEXT NOT NULL,                    -- hourly | daily
  digest_hour BIGINT NOT NULL,             -- of a daily one, in the time zone
  quiet_from BIGINT,                       -- minutes of the day in the time zone; NULL: no quiet hours
  quiet_to BIGINT,
  time_zone TEXT,                          -- an IANA name; NULL: the account's own
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

-- What somebody chose for one kind, where that is not its default.
CREATE TABLE notification_choices (
  user_id TEXT NOT NULL REFERENCES users (id),
  kind TEXT NOT NULL,
  mail TEXT NOT NULL,                      -- off | once | digest
  push BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, kind)
);

-- What somebody hears less of.
CREATE TABLE notification_teams (
  user_id TEXT NOT NULL REFERENCES users (id),
  team_id TEXT NOT NULL,
  level TEXT NOT NULL,                     -- mentions | nothing
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, team_id)
);

-- A browser that is told by Web Push.
CREATE TABLE push_devices (
  id TEXT COLLATE "C" PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  sign_in_id TEXT REFERENCES sign_ins (id) ON DELETE CASCADE,  -- whoever ends it ends this; NULL: a program added it
  endpoint TEXT NOT NULL,                  -- where its push service takes messages; whoever knows it can send to it
  p256dh TEXT NOT NULL,                    -- the browser's public key, base64url
  auth TEXT NOT NULL,                      -- the secret that goes with it, base64url
  name TEXT NOT NULL,
  last_sent_at BIGINT,
  last_error TEXT,                         -- one sentence; NULL: the last time went well
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX push_devices_endpoint ON push_devices (endpoint);
CREATE INDEX push_devices_user ON push_devices (user_id);
CREATE INDEX push_devices_sign_in ON push_devices (sign_in_id);

-- That a notification goes to a place beside the bell, once.
CREATE TABLE notification_deliveries (
  notification_id TEXT NOT NULL REFERENCES notifications (id) ON DELETE CASCADE,
  target TEXT NOT NULL,                    -- 'mail', or the id of a device
  channel TEXT NOT NULL,                   -- mail | push
  user_id TEXT NOT NULL,
  state TEXT NOT NULL,                     -- queued | sending | sent | skipped | failed
  due_at BIGINT NOT NULL,                  -- of one that is being sent: when it counts as given up by whoever began
  batch TEXT,                              -- what went together; names the mail
  attempts BIGINT NOT NULL DEFAULT 0,
  error TEXT,                              -- one sentence
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (notification_id, target)
);
CREATE INDEX notification_deliveries_due ON notification_deliveries (channel, due_at) WHERE state IN ('queued', 'sending');
CREATE INDEX notification_deliveries_user ON notification_deliveries (user_id, channel) WHERE state IN ('queued', 'sending');
