//! How somebody wants to be told: reading it, changing it, their devices, and a test of both ways.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::{
    super::{
        model::{
            AddPushDevice, ChangePreferences, Channel, DEVICES_MAX, KindChoice, KindGroup, NotificationKind, Preferences, PushDevice,
            SendTest, TeamChoice, TeamKindChoice, TeamLevel,
        },
        store::{
            deliveries,
            preferences::{self as store, DeviceRow, Recipient},
        },
    },
    Failure, delivery,
    encryption::Subscription,
    push::PushMessage,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{
            self, Scope,
            model::{clean_name, device_name},
        },
        analytics::service::{Event, UsageKind, record},
        jobs::{
            self, Job,
            model::JobStatus,
            service::{NewJob, enqueue},
        },
    },
    ids::{JobId, PushDeviceId, TeamId, UserId},
    server::{
        context::{Ctx, Via},
        db::parse_id,
        secrets,
    },
};

/// The job that sends a test.
pub const SEND_TEST: &str = "notifications.test";
/// An endpoint is an address; those of the large services have some 200 letters.
const ENDPOINT_MAX: usize = 1_000;

async fn recipient(connection: &mut AnyConnection, user: UserId) -> AppResult<Recipient> {
    let mut found = store::recipients(connection, &[user]).await?;
    store::add_choices(connection, &mut found).await?;
    found.remove(&user).ok_or_else(|| AppError::forbidden("Only people are told by mail and push; a program reads /api/v1/notifications."))
}

/// What the caller chose, the defaults filled in.
pub async fn preferences(ctx: &Ctx) -> AppResult<Preferences> {
    let actor = ctx.actor_with(Scope::Read)?;
    let moderates = actor.moderator || actor.administrator;
    let me = accounts::service::me(ctx).await?;
    let recipient = recipient(&mut *ctx.db().read().acquire().await?, actor.id()).await?;
    let kinds = NotificationKind::ALL.iter().copied().filter(|kind| moderates || kind.group() != KindGroup::Moderators);
    let kinds_of = |team: TeamId| {
        let own = |kind: &NotificationKind| Some(TeamKindChoice { kind: *kind, level: *recipient.team_kinds.get(&(team, *kind))? });
        NotificationKind::ALL.iter().filter_map(own).collect()
    };
    let teams = me.teams.into_iter().map(|team| TeamChoice {
        team: team.id,
        level: recipient.level(Some(team.id)),
        name: team.name,
        kinds: kinds_of(team.id),
    });
    let settings = &recipient.settings;
    Ok(Preferences {
        mail: settings.mail,
        kinds: kinds.map(|kind| recipient.choice(kind)).collect(),
        teams: teams.collect(),
        digest: settings.digest,
        digest_hour: settings.digest_hour,
        quiet: settings.quiet,
        time_zone: settings.time_zone.clone(),
        mail_to: recipient.email.clone().filter(|_| ctx.state.mailer.is_some()),
        push_key: ctx.state.push.vapid.public.clone(),
    })
}

/// Changes what is given; what waits already is looked at again.
pub async fn change_preferences(ctx: &Ctx, input: ChangePreferences) -> AppResult<Preferences> {
    let user = ctx.actor_with(Scope::Write)?.id();
    let zone = input.time_zone.as_deref().map(accounts::service::time_zone).transpose()?;
    if input.digest_hour.is_some_and(|hour| !(0..24).contains(&hour)) {
        return Err(AppError::field("digestHour", "A day has the hours 0 to 23."));
    }
    if input.quiet.is_some_and(|quiet| quiet.from != quiet.to && !quiet.is_valid()) {
        return Err(AppError::field("quiet", "Quiet hours begin and end at a minute of the day."));
    }
    // The last one counts.
    let kinds: BTreeMap<NotificationKind, KindChoice> = input.kinds.into_iter().map(|choice| (choice.kind, choice)).collect();
    let kinds: Vec<KindChoice> = kinds.into_values().collect();
    let team_kinds: Vec<(TeamId, TeamKindChoice)> =
        input.teams.iter().flat_map(|choice| choice.kinds.iter().map(|kind| (choice.team, *kind))).collect();
    let teams: BTreeMap<TeamId, TeamLevel> = input.teams.into_iter().map(|choice| (choice.team, choice.level)).collect();
    if !teams.is_empty() {
        let own = accounts::service::me(ctx).await?.teams;
        if teams.keys().any(|team| own.iter().all(|own| own.id != *team)) {
            return Err(AppError::not_found("team"));
        }
    }
    let teams: Vec<(TeamId, TeamLevel)> = teams.into_iter().collect();
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let mut settings = recipient(&mut tx, user).await?.settings;
    settings.mail = input.mail.unwrap_or(settings.mail);
    settings.digest = input.digest.unwrap_or(settings.digest);
    settings.digest_hour = input.digest_hour.unwrap_or(settings.digest_hour);
    if let Some(quiet) = input.quiet {
        settings.quiet = Some(quiet).filter(|quiet| quiet.is_valid());
    }
    settings.time_zone = zone.or(settings.time_zone);
    store::set_settings(&mut tx, user, &settings, now).await?;
    store::set_choices(&mut tx, user, &kinds, now).await?;
    store::set_teams(&mut tx, user, &teams, now).await?;
    store::set_team_kinds(&mut tx, user, &team_kinds, now).await?;
    deliveries::look_again(&mut tx, user, now).await?;
    delivery::wake(&mut tx, now).await?;
    record(ctx, &mut tx, Event::new(UsageKind::NotificationPreferencesChanged).subject(user)).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    preferences(ctx).await
}

fn shown(row: &DeviceRow) -> AppResult<PushDevice> {
    Ok(PushDevice {
        id: parse_id(&row.id)?,
        name: row.name.clone(),
        mark: secrets::hash(&row.endpoint),
        last_sent_at: row.last_sent_at,
        last_error: row.last_error.clone(),
        created_at: row.created_at,
    })
}

/// The caller's devices that are told by push, the newest first.
pub async fn list_devices(ctx: &Ctx) -> AppResult<Vec<PushDevice>> {
    let user = ctx.actor_with(Scope::Read)?.id();
    store::devices_of(ctx.db().read(), user).await?.iter().map(shown).collect()
}

/// Adds a browser by its subscription; one that is there already is renewed.
pub async fn add_device(ctx: &Ctx, input: AddPushDevice) -> AppResult<PushDevice> {
    let actor = ctx.actor_with(Scope::Write)?;
    let wrong = |sentence: &str| AppError::field("endpoint", sentence);
    let url = reqwest::Url::parse(&input.endpoint).ok().filter(|_| input.endpoint.len() <= ENDPOINT_MAX);
    let url = url.ok_or_else(|| wrong("The endpoint of a subscription is an address that begins with https://."))?;
    ctx.state.push.rules.check(&url).map_err(|sentence| wrong(&sentence))?;
    if Subscription::read(&input.p256dh, &input.auth).is_err() {
        return Err(AppError::field("p256dh", "These are not the keys of a subscription: subscribe again."));
    }
    let name = match input.name.as_deref().filter(|name| !name.trim().is_empty()) {
        Some(name) => clean_name("name", "the device", name)?,
        None => device_name(&ctx.user_agent),
    };
    let sign_in = match &actor.via {
        Via::SignIn(id) => Some(*id),
        Via::Token(_) | Via::Operator => None,
    };
    let row = DeviceRow {
        id: PushDeviceId::generate().to_string(),
        user_id: actor.id().to_string(),
        endpoint: input.endpoint,
        p256dh: input.p256dh,
        auth: input.auth,
        name,
        last_sent_at: None,
        last_error: None,
        created_at: ctx.now(),
    };
    let mut tx = ctx.db().write_tx().await?;
    recipient(&mut tx, actor.id()).await?;
    let others = store::devices_of(&mut *tx, actor.id()).await?;
    if others.iter().filter(|other| other.endpoint != row.endpoint).count() as i64 >= DEVICES_MAX {
        return Err(AppError::conflict(format!("You have {DEVICES_MAX} devices already: remove one that you no longer use.")));
    }
    let row = store::put_device(&mut tx, &row, sign_in, ctx.now()).await?;
    record(ctx, &mut tx, Event::new(UsageKind::NotificationDeviceAdded).subject(&row.id)).await?;
    tx.commit().await?;
    shown(&row)
}

pub async fn remove_device(ctx: &Ctx, id: PushDeviceId) -> AppResult<()> {
    let user = ctx.actor_with(Scope::Write)?.id();
    let mut tx = ctx.db().write_tx().await?;
    if !store::delete_device(&mut tx, id, Some(user)).await? {
        return Err(AppError::not_found("device"));
    }
    record(ctx, &mut tx, Event::new(UsageKind::NotificationDeviceRemoved).subject(id)).await?;
    Ok(tx.commit().await?)
}

#[derive(Serialize, Deserialize)]
struct TestPayload {
    user: UserId,
    #[serde(flatten)]
    what: SendTest,
}

/// Queues a message to the caller that says nothing; the job says whether it was taken.
pub async fn send_test(ctx: &Ctx, input: SendTest) -> AppResult<JobStatus> {
    let user = ctx.actor_with(Scope::Write)?.id();
    if input.channel == Channel::Mail && ctx.state.mailer.is_none() {
        return Err(AppError::invalid("This server sends no mail: its operator sets SMTP_URL."));
    }
    let (id, now) = (JobId::generate(), ctx.now());
    let job = NewJob::new(SEND_TEST, &TestPayload { user, what: input })?.asked_by(user, id);
    let mut tx = ctx.db().write_tx().await?;
    enqueue(&mut tx, job, now).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    jobs::service::status(ctx, id).await
}

/// The job. It is not tried again: somebody waits for what it says.
pub async fn run_test(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    let TestPayload { user, what } = serde_json::from_str(&job.payload)?;
    let refused = |failure: Failure| AppError::invalid(failure.sentence().to_owned());
    let site = ctx.state.config.public_url();
    match what.channel {
        Channel::Mail => {
            let found = store::recipients(&mut *ctx.db().read().acquire().await?, &[user]).await?;
            let address = found.get(&user).and_then(|recipient| recipient.email.as_deref());
            let (Some(mailer), Some(to)) = (&ctx.state.mailer, address) else {
                return Err(AppError::invalid("There is no address to send it to."));
            };
            mailer.send_test(&job.id, to, &site).await.map_err(refused)?;
            Ok(json!({ "sent": 1 }))
        }
        Channel::Push => {
            let devices = store::devices_of(ctx.db().read(), user).await?;
            let wanted = |device: &&DeviceRow| what.device.is_none_or(|id| id.to_string() == device.id);
            let devices: Vec<&DeviceRow> = devices.iter().filter(wanted).collect();
            if devices.is_empty() {
                return Err(AppError::invalid("No device takes messages yet: turn it on for one first."));
            }
            let message = PushMessage {
                account: user,
                title: "Test".to_owned(),
                body: "Messages reach this device.".to_owned(),
                url: "/settings/notifications".to_owned(),
                tag: "test".to_owned(),
                ids: Vec::new(),
            };
            for device in &devices {
                ctx.state.push.send(device, &message, true, ctx.now()).await.map_err(refused)?;
            }
            Ok(json!({ "sent": devices.len() }))
        }
    }
}

/// Everything that the caller chose about being told, and where it was done.
pub async fn own_settings(ctx: &Ctx) -> AppResult<Value> {
    let user = ctx.actor()?.id();
    let sent = deliveries::all_of(ctx.db().read(), user).await?.into_iter().map(|row| {
        json!({ "notification": row.notification_id, "by": row.channel, "state": row.state, "error": row.error, "updatedAt": row.updated_at })
    });
    let sent: Vec<Value> = sent.collect();
    let devices: Vec<PushDevice> = store::devices_of(ctx.db().read(), user).await?.iter().map(shown).collect::<AppResult<_>>()?;
    Ok(json!({ "preferences": preferences(ctx).await.ok(), "devices": devices, "sent": sent }))
}
