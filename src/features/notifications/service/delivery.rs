//! What goes out beside the bell: queued with the notification, sent by jobs, noted afterwards.
//!
//! Each notification has at most one row for each place that it goes to. A row is taken before it is sent and noted after it: of several who try,
//! one gets it. Whoever takes one and dies leaves it until it counts as given up; then it is sent again under the same name.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::{
    super::{
        model::{Channel, NotificationKind},
        store::{
            deliveries::{self as store, MAIL, NewDelivery, WaitingRow, Which},
            preferences::{self, DeviceRow, Recipient},
        },
    },
    Failure,
    mail::Mail,
    push::PushMessage,
    timing::{Verdict, resting_until, verdict},
    unsubscribe::{Link, MailScope},
    words::topics,
};
use crate::{
    error::AppResult,
    features::jobs::{
        model::backoff_ms,
        service::{NewJob, enqueue},
    },
    ids::{NotificationId, PushDeviceId, TeamId, UserId},
    server::{
        clock,
        context::Ctx,
        db::{Tx, parse_id},
    },
};

/// The jobs that send what is due, one for each way: a server of mail that does not answer holds no push message up.
pub const SEND_MAIL: &str = "notifications.mail";
pub const SEND_PUSH: &str = "notifications.push";

/// Accounts that are looked after together, and rows of them.
const USERS: i64 = 50;
const ROWS: i64 = 2_000;
/// What goes into one message.
const BATCH: usize = 200;
/// Longer than sending one takes.
const LEASE_MS: i64 = 3 * clock::MINUTE;
/// A job ends then, and the next one goes on.
const LONGEST: Duration = Duration::from_secs(5 * 60);
const PUSHES_AT_ONCE: usize = 8;
const LONGEST_PAUSE_MS: i64 = clock::HOUR;
/// With growing pauses that is three days of mail; a push message that is a day old says nothing new.
const MAIL_TRIES: i64 = 75;
const PUSH_TRIES: i64 = 28;

impl Channel {
    fn job(self) -> &'static str {
        match self {
            Self::Mail => SEND_MAIL,
            Self::Push => SEND_PUSH,
        }
    }
    fn tries(self) -> i64 {
        match self {
            Self::Mail => MAIL_TRIES,
            Self::Push => PUSH_TRIES,
        }
    }
}

/// Queues what was just written for those who want it, in the same transaction.
pub async fn queue(
    ctx: &Ctx,
    tx: &mut Tx,
    written: &[(NotificationId, UserId)],
    kind: NotificationKind,
    team: Option<TeamId>,
) -> AppResult<()> {
    let (now, gather) = (ctx.now(), ctx.state.config.delivery.gather_ms);
    let mailed = ctx.state.mailer.is_some();
    let mut due = BTreeSet::new();
    for written in written.chunks(500) {
        let users: Vec<UserId> = written.iter().map(|(_, user)| *user).collect();
        let mut recipients = preferences::recipients(tx, &users).await?;
        recipients.retain(|_, recipient| recipient.devices > 0 || (mailed && recipient.email.is_some()));
        if recipients.is_empty() {
            continue;
        }
        preferences::add_choices(tx, &mut recipients).await?;
        let pushed: Vec<UserId> = recipients.iter().filter(|(_, recipient)| recipient.devices > 0).map(|(user, _)| *user).collect();
        let devices = if pushed.is_empty() { Vec::new() } else { preferences::devices_among(&mut **tx, &pushed).await? };
        let mut new = Vec::new();
        for (notification, user) in written {
            let Some(recipient) = recipients.get(user) else { continue };
            let own = devices.iter().filter(|device| device.user_id == user.to_string()).map(|device| (Channel::Push, device.id.clone()));
            for (channel, target) in own.chain(mailed.then(|| (Channel::Mail, MAIL.to_owned()))) {
                if let Verdict::At { due: at, .. } = verdict(recipient, channel, kind, team, now, gather) {
                    due.insert((channel, at));
                    new.push(NewDelivery { notification: *notification, user: *user, channel, target, due_at: at });
                }
            }
        }
        store::insert(tx, &new, now).await?;
    }
    for (channel, at) in due {
        send_at(tx, channel, at, now).await?;
    }
    Ok(())
}

/// Queues the job that sends what is due then; those of one second are one.
async fn send_at(tx: &mut Tx, channel: Channel, at: i64, now: i64) -> AppResult<()> {
    let at = (at.max(now) + clock::SECOND - 1).div_euclid(clock::SECOND) * clock::SECOND;
    enqueue(tx, NewJob::new(channel.job(), &Value::Null)?.in_order_of(format!("{}@{at}", channel.job())).once().at(at), now).await
}

/// Has what waits looked at now: what somebody chose has changed.
pub async fn wake(tx: &mut Tx, now: i64) -> AppResult<()> {
    send_at(tx, Channel::Mail, now, now).await?;
    send_at(tx, Channel::Push, now, now).await
}

/// What goes in one message to one place.
struct Batch {
    id: String,
    user: UserId,
    target: String,
    digest: bool,
    attempts: i64,
    rows: Vec<WaitingRow>,
}

/// What is done with what waits.
#[derive(Default)]
struct Plan {
    batches: Vec<Batch>,
    /// Will not be sent: of one place.
    never: HashMap<String, Vec<String>>,
    /// Not yet: of one place, until a time.
    later: HashMap<(String, i64), Vec<String>>,
}

/// Which rows go together, now, and which do not go: pure.
fn plan(rows: Vec<WaitingRow>, recipients: &HashMap<UserId, Recipient>, channel: Channel, now: i64, gather: i64) -> AppResult<Plan> {
    let mut plan = Plan::default();
    let mut open: HashMap<(String, String, String), usize> = HashMap::new();
    for row in rows {
        let user = parse_id(&row.user_id)?;
        let team = row.team_id.as_deref().map(parse_id).transpose()?;
        let recipient = recipients.get(&user).filter(|_| row.visible != 0 && row.read_at.is_none());
        // A kind that only a later version knows is that one's to send.
        let told = recipient.zip(NotificationKind::named(&row.kind));
        let told = told.map(|(recipient, kind)| (recipient, verdict(recipient, channel, kind, team, row.created_at, gather)));
        let Some((recipient, Verdict::At { due, digest })) = told else {
            plan.never.entry(row.target).or_default().push(row.notification_id);
            continue;
        };
        // What is a moment early goes along.
        let at = if due > now + gather { due } else { resting_until(recipient, channel, digest, now) };
        if at > now {
            plan.later.entry((row.target, at)).or_default().push(row.notification_id);
            continue;
        }
        // Of what was begun before, what went together does so again: under its name it is the same message.
        let about = match (&row.batch, digest) {
            (Some(batch), _) => batch.clone(),
            (None, true) => "digest".to_owned(),
            (None, false) => format!("{} {}", row.subject_kind, row.subject_id),
        };
        let key = (row.user_id.clone(), row.target.clone(), about);
        let place = open.get(&key).copied().filter(|place| plan.batches[*place].rows.len() < BATCH);
        match place {
            Some(place) => plan.batches[place].rows.push(row),
            None => {
                open.insert(key, plan.batches.len());
                let id = row.batch.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
                plan.batches.push(Batch { id, user, target: row.target.clone(), digest, attempts: row.attempts, rows: vec![row] });
            }
        }
    }
    Ok(plan)
}

/// How many messages by mail and push wait: for the server's own report of itself.
pub async fn waiting(ctx: &Ctx) -> AppResult<i64> {
    store::count_waiting(ctx.db().read()).await
}

#[derive(Default)]
struct Report {
    sent: usize,
    failed: usize,
    /// Until then nothing more is tried: the server is not there.
    down_until: Option<i64>,
}

/// The job: sends what is due by one way, and queues the next.
pub async fn send_due(ctx: &Ctx, channel: Channel) -> AppResult<Value> {
    let began = Instant::now();
    let mut report = Report::default();
    // Without a server of mail what waits is kept for it.
    let offered = channel == Channel::Push || ctx.state.mailer.is_some();
    while offered && report.down_until.is_none() && began.elapsed() < LONGEST {
        let users = store::users_due(ctx.db().read(), channel, ctx.now(), USERS).await?;
        if users.is_empty() {
            break;
        }
        send_to(ctx, channel, &users, &mut report).await?;
    }
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    if let Some(due) = store::next_due(&mut tx, channel).await?.filter(|_| offered) {
        send_at(&mut tx, channel, due.max(report.down_until.unwrap_or(0)), now).await?;
    }
    tx.commit().await?;
    Ok(json!({ "sent": report.sent, "failed": report.failed }))
}

async fn send_to(ctx: &Ctx, channel: Channel, users: &[UserId], report: &mut Report) -> AppResult<()> {
    let (now, gather) = (ctx.now(), ctx.state.config.delivery.gather_ms);
    let rows = store::waiting(ctx.db().read(), channel, users, now, now + gather, ROWS).await?;
    let mut connection = ctx.db().read().acquire().await?;
    let mut recipients = preferences::recipients(&mut connection, users).await?;
    preferences::add_choices(&mut connection, &mut recipients).await?;
    let devices = match channel {
        Channel::Mail => Vec::new(),
        Channel::Push => preferences::devices_among(&mut *connection, users).await?,
    };
    drop(connection);
    let devices: HashMap<&str, &DeviceRow> = devices.iter().map(|device| (device.id.as_str(), device)).collect();
    let mut plan = plan(rows, &recipients, channel, now, gather)?;
    if channel == Channel::Push {
        // Somebody took it away, or signed in there as somebody else.
        let (there, gone): (Vec<Batch>, Vec<Batch>) = plan
            .batches
            .into_iter()
            .partition(|batch| devices.get(batch.target.as_str()).is_some_and(|device| device.user_id == batch.user.to_string()));
        plan.batches = there;
        for batch in gone {
            plan.never.entry(batch.target).or_default().extend(batch.rows.into_iter().map(|row| row.notification_id));
        }
    }
    let mut tx = ctx.db().write_tx().await?;
    for (target, notifications) in &plan.never {
        store::end(&mut tx, &Which { target, notifications }, "skipped", None, now).await?;
    }
    for ((target, at), notifications) in &plan.later {
        store::postpone(&mut tx, &Which { target, notifications }, *at, None, now).await?;
    }
    tx.commit().await?;
    match channel {
        Channel::Mail => {
            for batch in plan.batches {
                let Some(recipient) = recipients.get(&batch.user) else { continue };
                let sent = send_batch(ctx, channel, batch, async |batch| send_mail(ctx, recipient, batch).await).await?;
                report.note(&sent);
                if report.down_until.is_some() {
                    break;
                }
            }
        }
        Channel::Push => {
            let sending = plan.batches.into_iter().filter_map(|batch| {
                let device = *devices.get(batch.target.as_str())?;
                Some(send_batch(ctx, channel, batch, async move |batch: &Batch| send_push(ctx, device, batch).await))
            });
            let mut sending = stream::iter(sending).buffer_unordered(PUSHES_AT_ONCE);
            while let Some(sent) = sending.next().await {
                report.note(&sent?);
            }
        }
    }
    Ok(())
}

enum Sent {
    Yes,
    No,
    /// Somebody else has it.
    Elsewhere,
    Down {
        until: i64,
    },
}

impl Report {
    fn note(&mut self, sent: &Sent) {
        match sent {
            Sent::Yes => self.sent += 1,
            Sent::No => self.failed += 1,
            Sent::Elsewhere => {}
            Sent::Down { until } => {
                self.failed += 1;
                self.down_until = Some(*until);
            }
        }
    }
}

/// Takes a batch, sends it, and notes how that went.
async fn send_batch(
    ctx: &Ctx,
    channel: Channel,
    mut batch: Batch,
    send: impl AsyncFnOnce(&Batch) -> Result<(), Failure>,
) -> AppResult<Sent> {
    let now = ctx.now();
    let notifications: Vec<String> = batch.rows.iter().map(|row| row.notification_id.clone()).collect();
    let mut tx = ctx.db().write_tx().await?;
    let notifications =
        store::claim(&mut tx, &Which { target: &batch.target, notifications: &notifications }, &batch.id, now, now + LEASE_MS).await?;
    tx.commit().await?;
    batch.rows.retain(|row| notifications.contains(&row.notification_id));
    if batch.rows.is_empty() {
        return Ok(Sent::Elsewhere);
    }
    let result = send(&batch).await;
    let (now, which) = (ctx.now(), Which { target: &batch.target, notifications: &notifications });
    let attempt = batch.attempts + 1;
    let pause = |after: Option<i64>| {
        let chance = f64::from(uuid::Uuid::now_v7().as_fields().2 & 0xfff) / f64::from(0xfff);
        after.unwrap_or(0).max(backoff_ms(ctx.state.config.delivery.first_pause_ms, LONGEST_PAUSE_MS, attempt, chance))
    };
    let mut tx = ctx.db().write_tx().await?;
    let sent = match &result {
        Ok(()) => {
            store::end(&mut tx, &which, "sent", None, now).await?;
            Sent::Yes
        }
        Err(Failure::Gone) => {
            if let Ok(device) = batch.target.parse::<PushDeviceId>() {
                preferences::delete_device(&mut tx, device, None).await?;
            }
            store::end(&mut tx, &which, "skipped", Some("The device takes no messages any more."), now).await?;
            Sent::No
        }
        Err(Failure::Never { sentence }) => {
            store::end(&mut tx, &which, "failed", Some(sentence), now).await?;
            Sent::No
        }
        Err(Failure::Later { sentence, .. } | Failure::Down { sentence }) if attempt >= channel.tries() => {
            store::end(&mut tx, &which, "failed", Some(sentence), now).await?;
            Sent::No
        }
        Err(Failure::Later { sentence, after }) => {
            store::postpone(&mut tx, &which, now + pause(*after), Some(sentence), now).await?;
            Sent::No
        }
        Err(Failure::Down { sentence }) => {
            let until = now + pause(None);
            store::postpone(&mut tx, &which, until, Some(sentence), now).await?;
            Sent::Down { until }
        }
    };
    if channel == Channel::Push {
        preferences::note_device(&mut tx, &batch.target, result.as_ref().err().map(Failure::sentence), now).await?;
    }
    tx.commit().await?;
    if let Err(failure) = &result {
        // Neither address nor words: the log is read by others.
        tracing::warn!(channel = channel.as_str(), user = %batch.user, attempt, error = failure.sentence(), "notifications were not sent");
    }
    Ok(sent)
}

async fn send_mail(ctx: &Ctx, recipient: &Recipient, batch: &Batch) -> Result<(), Failure> {
    let (Some(mailer), Some(to)) = (&ctx.state.mailer, &recipient.email) else {
        return Err(Failure::Never { sentence: "There is no address to send it to.".to_owned() });
    };
    let topics = topics(&batch.rows);
    let scope = if batch.digest {
        MailScope::Digest
    } else {
        let kinds: BTreeSet<NotificationKind> = topics.iter().flat_map(|topic| &topic.items).map(|item| item.kind).collect();
        MailScope::Kinds(kinds.into_iter().collect())
    };
    let unsubscribe = Link { user: batch.user, scope: scope.clone() }.address(ctx);
    let site = ctx.state.config.public_url();
    let mail = Mail { id: &batch.id, to, topics: &topics, digest: batch.digest, site: &site, scope: &scope, unsubscribe };
    mailer.send(&mail).await
}

async fn send_push(ctx: &Ctx, device: &DeviceRow, batch: &Batch) -> Result<(), Failure> {
    let topics = topics(&batch.rows);
    let urgent = topics.iter().flat_map(|topic| &topic.items).any(|item| item.kind.is_mention());
    let ids = batch.rows.iter().map(|row| row.notification_id.clone()).collect();
    // All of a batch is about one subject.
    let Some(topic) = topics.first() else { return Ok(()) };
    ctx.state.push.send(device, &PushMessage::of(batch.user, topic, ids), urgent, ctx.now()).await
}

#[cfg(test)]
mod tests {
    use super::{super::words::row, *};
    use crate::features::notifications::model::QuietHours;

    const NOW: i64 = 1_790_000_000_000;

    fn of(user: UserId, mut row: WaitingRow) -> WaitingRow {
        row.user_id = user.to_string();
        row.created_at = NOW - 1_000;
        row
    }

    fn somebody() -> (UserId, HashMap<UserId, Recipient>) {
        let user = UserId::generate();
        let recipient = Recipient { email: Some("a@b.example".to_owned()), account_zone: "UTC".to_owned(), ..Recipient::default() };
        (user, HashMap::from([(user, recipient)]))
    }

    #[test]
    fn what_is_about_the_same_goes_together() {
        let (user, recipients) = somebody();
        let rows = ["7", "8", "7"].map(|subject| of(user, row(NotificationKind::Mention, subject, "Api", "")));
        let plan = plan(rows.into(), &recipients, Channel::Mail, NOW, 2_000).expect("rows");
        assert_eq!(plan.batches.iter().map(|batch| batch.rows.len()).collect::<Vec<_>>(), [2, 1]);
        assert!(plan.never.is_empty() && plan.later.is_empty());
    }

    #[test]
    fn what_was_read_or_is_no_longer_theirs_is_not_sent() {
        let (user, mut recipients) = somebody();
        let mut rows: Vec<WaitingRow> = (0..3).map(|_| of(user, row(NotificationKind::Mention, "7", "Api", ""))).collect();
        rows[0].read_at = Some(NOW);
        rows[1].visible = 0;
        rows.push(of(UserId::generate(), row(NotificationKind::Mention, "7", "Api", "")));
        let planned = plan(rows.clone(), &recipients, Channel::Mail, NOW, 0).expect("rows");
        assert_eq!((planned.batches.len(), planned.batches[0].rows.len(), planned.never["mail"].len()), (1, 1, 3));
        recipients.get_mut(&user).expect("somebody").settings.mail = false;
        assert!(plan(rows, &recipients, Channel::Mail, NOW, 0).expect("rows").batches.is_empty());
    }

    #[test]
    fn what_was_begun_keeps_its_name_and_its_company() {
        let (user, recipients) = somebody();
        let mut rows: Vec<WaitingRow> = (0..3).map(|_| of(user, row(NotificationKind::Mention, "7", "Api", ""))).collect();
        rows[0].batch = Some("begun".to_owned());
        rows[2].batch = Some("begun".to_owned());
        let plan = plan(rows, &recipients, Channel::Mail, NOW, 0).expect("rows");
        assert_eq!((plan.batches[0].id.as_str(), plan.batches[0].rows.len(), plan.batches[1].rows.len()), ("begun", 2, 1));
    }

    #[test]
    fn what_is_tried_again_waits_for_the_end_of_quiet_hours_too() {
        let (user, mut recipients) = somebody();
        let minute = NOW.div_euclid(clock::MINUTE) % (24 * 60);
        // They began a minute ago, after it was due.
        let quiet = QuietHours { from: (minute + 1_439) % 1_440, to: (minute + 60) % 1_440 };
        recipients.get_mut(&user).expect("somebody").settings.quiet = Some(quiet);
        let mut late = of(user, row(NotificationKind::Mention, "7", "Api", ""));
        late.created_at = NOW - clock::HOUR;
        let plan = plan(vec![late], &recipients, Channel::Mail, NOW, 0).expect("rows");
        let (_, at) = plan.later.keys().next().expect("it waits");
        assert!(plan.batches.is_empty() && *at > NOW && *at <= NOW + clock::HOUR);
    }
}
