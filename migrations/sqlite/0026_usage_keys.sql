-- Usage events with numbers in place of ids and words: what names an id is stored once.

CREATE TABLE usage_keys (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE               -- an id; of a deleted person, one that says nothing of them
);

ALTER TABLE usage_events RENAME TO usage_events_before;
DROP INDEX usage_events_time;

CREATE TABLE usage_events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: what was counted is known by it
  at INTEGER NOT NULL,                      -- UTC milliseconds; of what a device did offline, when it did
  kind INTEGER NOT NULL,                   -- as crates/analytics numbers them
  workspace INTEGER NOT NULL,               -- of usage_keys, as the next three; 0: none
  actor INTEGER NOT NULL,
  volume INTEGER NOT NULL,
  subject INTEGER NOT NULL,
  artifact_kind INTEGER NOT NULL,          -- 0 none, 1 skill, 2 tool, 3 agent
  category INTEGER NOT NULL,               -- 0 none, otherwise its place in the list of categories
  amount INTEGER NOT NULL,                  -- what it counts, as its kind says
  extra INTEGER NOT NULL
);
-- The rows behind a number.
CREATE INDEX usage_events_behind ON usage_events (workspace, kind, at);

-- What was there is carried over. A commit was one event, and is so many as it changed artifacts; so were traces that came together.
CREATE TABLE usage_carried (
  at INTEGER NOT NULL, kind INTEGER NOT NULL, workspace TEXT, actor TEXT, volume TEXT, subject TEXT,
  artifact_kind INTEGER NOT NULL DEFAULT 0, category INTEGER NOT NULL DEFAULT 0, amount INTEGER NOT NULL DEFAULT 0, extra INTEGER NOT NULL DEFAULT 0
);

INSERT INTO usage_carried (at, kind, workspace, actor, volume, subject, artifact_kind, category, amount, extra)
WITH names (kind, name) AS (VALUES
    (1, 'account.created'), (2, 'account.updated'), (3, 'account.deleted'), (4, 'account.exported'), (5, 'account.administered'),
    (6, 'account.avatar_changed'), (7, 'account.signed_in'), (8, 'account.signed_out'), (9, 'account.signed_out_everywhere'), (10, 'agent.created'),
    (11, 'github.linked'), (12, 'github.unlinked'), (13, 'invitation.created'), (14, 'invitation.revoked'), (15, 'password.changed'),
    (16, 'password.link_created'), (17, 'password.set_by_link'), (18, 'settings.changed'), (19, 'team.created'), (20, 'team.renamed'),
    (21, 'team.deleted'), (22, 'team.member_joined'), (23, 'team.member_left'), (24, 'team.member_removed'), (25, 'team.role_changed'),
    (26, 'team.transferred'), (27, 'token.created'), (28, 'token.revoked'), (100, 'session.created'), (101, 'session.message_sent'),
    (102, 'session.message_edited'), (103, 'session.message_deleted'), (104, 'session.committed'), (105, 'session.renamed'), (106, 'session.archived'),
    (107, 'session.unarchived'), (108, 'session.deleted'), (109, 'session.undeleted'), (110, 'session.erased'), (111, 'session.imported'),
    (112, 'session.exported'), (113, 'session.joined'), (114, 'session.artifact_added'), (115, 'session.artifact_removed'),
    (116, 'session.file_attached'), (200, 'artifact.created'), (202, 'artifact.viewed'), (203, 'artifact.downloaded'), (204, 'artifact.exported'),
    (205, 'artifact.forked'), (206, 'artifact.moved'), (207, 'artifact.restored'), (208, 'artifact.deleted'), (209, 'artifact.undeleted'),
    (210, 'artifact.erased'), (213, 'draft.saved'), (214, 'draft.merged'), (215, 'draft.kept'), (216, 'draft.discarded'), (217, 'draft.field_set'),
    (218, 'draft.tagged'), (219, 'file.saved'), (220, 'file.deleted'), (221, 'favourite.added'), (222, 'favourite.removed'), (223, 'trash.emptied'),
    (300, 'volume.created'), (301, 'volume.renamed'), (302, 'volume.deleted'), (303, 'volume.exported'), (304, 'volume.import_started'),
    (305, 'volume.imported'), (306, 'volume.installed'), (307, 'volume.promoted'), (308, 'demo.added'), (309, 'demo.removed'), (310, 'git.linked'),
    (311, 'git.unlinked'), (312, 'git.pulled'), (400, 'comment.created'), (401, 'comment.edited'), (402, 'comment.deleted'), (403, 'comment.resolved'),
    (404, 'comment.reopened'), (405, 'task.created'), (406, 'task.updated'), (407, 'task.removed'), (420, 'assistant.asked'),
    (421, 'assistant.answered'), (422, 'assistant.stopped'), (423, 'assistant.tool_allowed'), (440, 'notification.read'),
    (441, 'notification.preferences_changed'), (442, 'notification.device_added'), (443, 'notification.device_removed'),
    (444, 'notification.unsubscribed'), (445, 'notification.resubscribed'), (501, 'trace.rated'), (502, 'trace.deleted'), (509, 'proposal.edited'),
    (511, 'proposal.promoted'), (512, 'evolution.asked'), (513, 'evolution.drafted'), (514, 'evolution.set'), (515, 'evolution.passed'),
    (604, 'item.rated'), (605, 'item.reported'), (606, 'item.moderated'), (607, 'item.enabled'), (608, 'listing.reserved'), (609, 'listing.renamed'),
    (610, 'listing.deleted'), (611, 'listing.deprecated'), (612, 'listing.deprecation_ended'), (613, 'listing.owner_added'),
    (614, 'listing.owner_removed'), (615, 'listing.transferred'), (616, 'listing.screenshot_added'), (617, 'listing.screenshot_removed'),
    (618, 'listing.screenshots_arranged'), (619, 'release.submitted'), (620, 'release.submission_deleted'), (621, 'release.reviewed'),
    (622, 'release.published'), (623, 'release.withdrawn'), (624, 'review.answered'), (625, 'review.hidden'), (626, 'review.shown'),
    (627, 'review.deleted'), (628, 'lock.changed'), (629, 'lock.settings'), (700, 'search.queried'), (701, 'search.opened'), (801, 'delivery.replayed')
)
SELECT o.created_at, n.kind,
  -- What has no team was somebody's own, but for what is about accounts and the server.
  COALESCE(o.team_id, CASE WHEN n.kind < 29 OR n.kind BETWEEN 440 AND 449 OR n.kind >= 800 THEN NULL ELSE o.actor_id END),
  o.actor_id, COALESCE(o.volume_id, a.volume_id), o.subject_id,
  CASE a.kind WHEN 'skill' THEN 1 WHEN 'tool' THEN 2 WHEN 'agent' THEN 3 ELSE 0 END,
  CASE a.category WHEN 'data-analysis' THEN 1 WHEN 'web-dev' THEN 2 WHEN 'machine-learning' THEN 3 WHEN 'automation' THEN 4 WHEN 'security' THEN 5 WHEN 'testing' THEN 6 WHEN 'documentation' THEN 7 WHEN 'deployment' THEN 8 WHEN 'legal' THEN 9 WHEN 'financial' THEN 10 WHEN 'research' THEN 11 WHEN 'design' THEN 12 ELSE 0 END,
  CAST(CASE n.name
    WHEN 'session.message_sent' THEN MIN(1800000, COALESCE(o.created_at - LAG(o.created_at) OVER (PARTITION BY o.kind, o.subject_id ORDER BY o.created_at, o.id), 0))
    WHEN 'session.committed' THEN CASE WHEN json_type(o.data, '$.drafts') IN ('integer', 'real') THEN json_extract(o.data, '$.drafts') ELSE 0 END
    WHEN 'session.imported' THEN CASE WHEN json_type(o.data, '$.entries') IN ('integer', 'real') THEN json_extract(o.data, '$.entries') ELSE 0 END
    WHEN 'session.file_attached' THEN CASE WHEN json_type(o.data, '$.bytes') IN ('integer', 'real') THEN json_extract(o.data, '$.bytes') ELSE 0 END
    WHEN 'volume.imported' THEN CASE WHEN json_type(o.data, '$.created') IN ('integer', 'real') THEN json_extract(o.data, '$.created') ELSE 0 END + CASE WHEN json_type(o.data, '$.updated') IN ('integer', 'real') THEN json_extract(o.data, '$.updated') ELSE 0 END
    WHEN 'git.pulled' THEN CASE WHEN json_type(o.data, '$.created') IN ('integer', 'real') THEN json_extract(o.data, '$.created') ELSE 0 END + CASE WHEN json_type(o.data, '$.updated') IN ('integer', 'real') THEN json_extract(o.data, '$.updated') ELSE 0 END
    WHEN 'search.queried' THEN CASE WHEN json_type(o.data, '$.tookMs') IN ('integer', 'real') THEN json_extract(o.data, '$.tookMs') ELSE 0 END * 1000
    WHEN 'search.opened' THEN CASE WHEN json_type(o.data, '$.position') IN ('integer', 'real') THEN json_extract(o.data, '$.position') ELSE 0 END
    WHEN 'evolution.drafted' THEN CASE WHEN json_type(o.data, '$.tokens') IN ('integer', 'real') THEN json_extract(o.data, '$.tokens') ELSE 0 END
    WHEN 'evolution.passed' THEN CASE WHEN json_type(o.data, '$.proposals') IN ('integer', 'real') THEN json_extract(o.data, '$.proposals') ELSE 0 END
    WHEN 'item.rated' THEN COALESCE((SELECT r.rating FROM item_reviews r WHERE r.listing_id = o.subject_id AND r.user_id = o.actor_id), 0)
    ELSE CASE WHEN json_type(o.data, '$.artifacts') IN ('integer', 'real') THEN json_extract(o.data, '$.artifacts') ELSE 0 END END AS BIGINT),
  CAST(CASE n.name WHEN 'search.queried' THEN CASE WHEN json_type(o.data, '$.found') IN ('integer', 'real') THEN json_extract(o.data, '$.found') ELSE 0 END ELSE 0 END AS BIGINT)
FROM usage_events_before o JOIN names n ON n.name = o.kind LEFT JOIN artifacts a ON a.id = o.subject_id
-- A rating that was taken back has no stars to count.
WHERE n.name <> 'item.rated' OR EXISTS (SELECT 1 FROM item_reviews r WHERE r.listing_id = o.subject_id AND r.user_id = o.actor_id);

-- Marketplace events count to whoever publishes.
UPDATE usage_carried SET workspace = (SELECT l.owner_id FROM listings l WHERE l.id = usage_carried.subject)
WHERE kind BETWEEN 600 AND 627 AND EXISTS (SELECT 1 FROM listings l WHERE l.id = usage_carried.subject);

INSERT INTO usage_carried (at, kind, workspace, actor, volume, subject, amount)
SELECT o.created_at, 212, COALESCE(o.team_id, o.actor_id), o.actor_id, o.volume_id, o.subject_id, CAST(CASE WHEN json_type(o.data, '$.artifacts') IN ('integer', 'real') THEN json_extract(o.data, '$.artifacts') ELSE 0 END AS BIGINT)
FROM usage_events_before o WHERE o.kind = 'artifact.committed';

INSERT INTO usage_carried (at, kind, workspace, actor, volume, subject, artifact_kind, category)
SELECT o.created_at, 201, COALESCE(o.team_id, o.actor_id), o.actor_id, o.volume_id, r.artifact_id,
  CASE r.kind WHEN 'skill' THEN 1 WHEN 'tool' THEN 2 WHEN 'agent' THEN 3 ELSE 0 END,
  CASE r.category WHEN 'data-analysis' THEN 1 WHEN 'web-dev' THEN 2 WHEN 'machine-learning' THEN 3 WHEN 'automation' THEN 4 WHEN 'security' THEN 5 WHEN 'testing' THEN 6 WHEN 'documentation' THEN 7 WHEN 'deployment' THEN 8 WHEN 'legal' THEN 9 WHEN 'financial' THEN 10 WHEN 'research' THEN 11 WHEN 'design' THEN 12 ELSE 0 END
FROM usage_events_before o JOIN revisions r ON r.commit_id = o.subject_id WHERE o.kind = 'artifact.committed';

-- What was not written here was counted with its import only.
INSERT INTO usage_carried (at, kind, workspace, actor, volume, subject, artifact_kind, category, amount)
SELECT c.created_at, 200, NULLIF(v.owner_id, ''), c.author_id, c.volume_id, r.artifact_id,
  CASE r.kind WHEN 'skill' THEN 1 WHEN 'tool' THEN 2 WHEN 'agent' THEN 3 ELSE 0 END,
  CASE r.category WHEN 'data-analysis' THEN 1 WHEN 'web-dev' THEN 2 WHEN 'machine-learning' THEN 3 WHEN 'automation' THEN 4 WHEN 'security' THEN 5 WHEN 'testing' THEN 6 WHEN 'documentation' THEN 7 WHEN 'deployment' THEN 8 WHEN 'legal' THEN 9 WHEN 'financial' THEN 10 WHEN 'research' THEN 11 WHEN 'design' THEN 12 ELSE 0 END,
  CASE c.source WHEN 'promote' THEN 1 WHEN 'fork' THEN 2 WHEN 'market' THEN 4 ELSE 3 END
FROM revisions r JOIN commits c ON c.id = r.commit_id JOIN volumes v ON v.id = c.volume_id
WHERE r.change = 'created' AND c.source IN ('import', 'git', 'fork', 'market', 'promote') AND EXISTS (SELECT 1 FROM usage_events_before);

INSERT INTO usage_carried (at, kind, workspace, actor, subject, amount, extra)
SELECT o.created_at, CASE json_extract(o.data, '$.state') WHEN 'accepted' THEN 507 WHEN 'ignored' THEN 508 ELSE 510 END,
  COALESCE(o.team_id, o.actor_id), o.actor_id, o.subject_id,
  COALESCE(CASE WHEN json_extract(o.data, '$.state') = 'accepted' THEN (
    SELECT MAX(0, o.created_at - MIN(t.started_at)) FROM proposals q JOIN patterns p ON p.id = q.pattern_id
    JOIN pattern_traces m ON m.place_id = p.place_id AND m.number = p.number JOIN traces t ON t.id = m.trace_id WHERE q.id = o.subject_id
  ) END, 0),
  CAST(CASE WHEN json_type(o.data, '$.confidence') IN ('integer', 'real') THEN json_extract(o.data, '$.confidence') ELSE 0 END * 1000000 AS BIGINT)
FROM usage_events_before o WHERE o.kind = 'proposal.decided';

INSERT INTO usage_carried (at, kind, workspace, actor, subject, amount, extra)
SELECT t.created_at, 500, t.place_id, t.user_id, t.id, CASE t.outcome WHEN 'succeeded' THEN 1 ELSE 0 END, MAX(0, t.ended_at - t.started_at)
FROM traces t WHERE EXISTS (SELECT 1 FROM usage_events_before WHERE kind = 'trace.taken');

INSERT INTO usage_keys (text)
SELECT workspace FROM usage_carried WHERE workspace IS NOT NULL UNION SELECT actor FROM usage_carried WHERE actor IS NOT NULL
UNION SELECT volume FROM usage_carried WHERE volume IS NOT NULL UNION SELECT subject FROM usage_carried WHERE subject IS NOT NULL;

INSERT INTO usage_events (at, kind, workspace, actor, volume, subject, artifact_kind, category, amount, extra)
SELECT c.at, c.kind, COALESCE(w.id, 0), COALESCE(p.id, 0), COALESCE(v.id, 0), COALESCE(s.id, 0), c.artifact_kind, c.category, c.amount, c.extra
FROM usage_carried c LEFT JOIN usage_keys w ON w.text = c.workspace LEFT JOIN usage_keys p ON p.text = c.actor
LEFT JOIN usage_keys v ON v.text = c.volume LEFT JOIN usage_keys s ON s.text = c.subject
ORDER BY c.at;

DROP TABLE usage_carried;
DROP TABLE usage_events_before;

-- Those who are deleted already are nobody's name any more.
UPDATE usage_keys SET text = 'deleted:' || id WHERE text IN (SELECT id FROM users WHERE deleted_at IS NOT NULL);

-- Whether a person's name stands beside their numbers.
ALTER TABLE users ADD COLUMN named_in_analytics BIGINT NOT NULL DEFAULT 1;

-- Up to when the history of the repository was counted.
ALTER TABLE git_links ADD COLUMN history_at BIGINT;

-- When what was installed was used first.
ALTER TABLE installations ADD COLUMN used_at BIGINT;
UPDATE installations SET used_at = (SELECT MIN(u.created_at) FROM listing_uses u WHERE u.listing_id = installations.listing_id);
