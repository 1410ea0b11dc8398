//! How somebody wants to be told, beside the bell.

use serde::{Deserialize, Serialize};

use super::NotificationKind;
use crate::{
    error::{AppError, AppResult},
    ids::{PushDeviceId, TeamId},
};

/// Browsers of one account that are told by push.
pub const DEVICES_MAX: i64 = 20;
/// Minutes of a day.
pub const DAY_MINUTES: i64 = 24 * 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MailMode {
    Off,
    /// A moment after it happened, with what else happened there meanwhile.
    Once,
    /// With everything else, once an hour or a day.
    Digest,
}

impl MailMode {
    pub const ALL: [Self; 3] = [Self::Once, Self::Digest, Self::Off];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Once => "once",
            Self::Digest => "digest",
        }
    }
    pub fn words(self) -> &'static str {
        match self {
            Self::Off => "Never",
            Self::Once => "At once",
            Self::Digest => "In the digest",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// How one kind is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KindChoice {
    pub kind: NotificationKind,
    pub mail: MailMode,
    /// On each device that takes messages.
    pub push: bool,
}

impl KindChoice {
    /// What counts for whoever chose nothing. What is mailed at once is pushed, too: a device is told only after it was asked.
    pub fn of(kind: NotificationKind) -> Self {
        let mail = kind.default_mail();
        Self { kind, mail, push: mail == MailMode::Once }
    }
}

/// What comes from a team beside the bell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TeamLevel {
    /// As the kinds say.
    #[default]
    Usual,
    Mentions,
    Nothing,
}

impl TeamLevel {
    pub const ALL: [Self; 3] = [Self::Usual, Self::Mentions, Self::Nothing];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Mentions => "mentions",
            Self::Nothing => "nothing",
        }
    }
    pub fn words(self) -> &'static str {
        match self {
            Self::Usual => "As usual",
            Self::Mentions => "Only my name",
            Self::Nothing => "Nothing",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == text)
    }
    /// Whether a kind comes through.
    pub fn lets(self, kind: NotificationKind) -> bool {
        match self {
            Self::Usual => true,
            Self::Mentions => kind.is_mention(),
            Self::Nothing => false,
        }
    }
}

/// How one kind is told that comes from one team.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TeamKindLevel {
    /// As the kind and the team say.
    #[default]
    Usual,
    /// By mail and to devices.
    Once,
    /// By mail, with everything else.
    Digest,
    Never,
}

impl TeamKindLevel {
    pub const ALL: [Self; 4] = [Self::Usual, Self::Once, Self::Digest, Self::Never];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Once => "once",
            Self::Digest => "digest",
            Self::Never => "never",
        }
    }
    pub fn words(self) -> &'static str {
        match self {
            Self::Usual => "As usual",
            Self::Once => "At once",
            Self::Digest => "In the digest",
            Self::Never => "Never",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == text)
    }
    /// What it makes of a kind; none: what is usual counts.
    pub fn choice(self, kind: NotificationKind) -> Option<KindChoice> {
        match self {
            Self::Usual => None,
            Self::Once => Some(KindChoice { kind, mail: MailMode::Once, push: true }),
            Self::Digest => Some(KindChoice { kind, mail: MailMode::Digest, push: false }),
            Self::Never => Some(KindChoice { kind, mail: MailMode::Off, push: false }),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamKindChoice {
    pub kind: NotificationKind,
    pub level: TeamKindLevel,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamChoice {
    pub team: TeamId,
    #[serde(default)]
    pub name: String,
    pub level: TeamLevel,
    /// Kinds that are told another way when they come from this team; they outweigh its level. Those that are not named stay as they are when it is changed.
    #[serde(default)]
    pub kinds: Vec<TeamKindChoice>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DigestPace {
    Hourly,
    #[default]
    Daily,
}

impl DigestPace {
    pub const ALL: [Self; 2] = [Self::Daily, Self::Hourly];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pace| pace.as_str() == text)
    }
}

/// From one minute of the day to another, over midnight where the end is before the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuietHours {
    /// Minutes since midnight.
    pub from: i64,
    pub to: i64,
}

impl QuietHours {
    /// Whether a minute of the day is a quiet one.
    pub fn contains(self, minute: i64) -> bool {
        if self.from <= self.to { (self.from..self.to).contains(&minute) } else { minute >= self.from || minute < self.to }
    }
    pub fn is_valid(self) -> bool {
        let day = 0..DAY_MINUTES;
        day.contains(&self.from) && day.contains(&self.to) && self.from != self.to
    }
}

/// `22:30`, as inputs of type `time` have it.
pub fn time_of_day(minute: i64) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

pub fn read_time_of_day(text: &str) -> Option<i64> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((0..24).contains(&hours) && (0..60).contains(&minutes)).then_some(hours * 60 + minutes)
}

/// Everything that one account chose, the defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preferences {
    /// False: no mail at all, whatever the kinds say.
    pub mail: bool,
    /// Every kind that the account can get.
    pub kinds: Vec<KindChoice>,
    /// Every team that it is in.
    pub teams: Vec<TeamChoice>,
    pub digest: DigestPace,
    /// Of a daily digest: the hour of the day, in the time zone.
    pub digest_hour: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<QuietHours>,
    /// An IANA name; none was chosen yet: the account's own counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Where mail goes; none: this server sends none, or the account has no address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_to: Option<String>,
    /// The key that a browser subscribes with, base64url.
    pub push_key: String,
}

/// Changes what is given, and leaves the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ChangePreferences {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<bool>,
    pub kinds: Vec<KindChoice>,
    pub teams: Vec<TeamChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestPace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_hour: Option<i64>,
    /// `from` and `to` alike: none any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<QuietHours>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// The fields of the settings' form, as a browser sends them: a box that is not ticked is not there.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SettingsForm {
    /// `kind:mode`
    pub mail: Vec<String>,
    /// The kinds whose box is ticked.
    pub push: Vec<String>,
    /// `team:level`
    pub teams: Vec<String>,
    /// `team:kind:level`
    pub team_kinds: Vec<String>,
    pub mailed: Option<String>,
    pub digest: String,
    pub digest_hour: Option<i64>,
    pub quiet: Option<String>,
    pub quiet_from: String,
    pub quiet_to: String,
    pub time_zone: String,
}

impl SettingsForm {
    /// What of it is to change. Where no mail goes, the form has no choices of mail.
    pub fn changes(self, before: &Preferences) -> AppResult<ChangePreferences> {
        let mut kinds = before.kinds.clone();
        for choice in &mut kinds {
            choice.push = self.push.iter().any(|kind| kind == choice.kind.as_str());
            let chosen = self.mail.iter().filter_map(|text| text.split_once(':')).find(|(kind, _)| *kind == choice.kind.as_str());
            choice.mail = chosen.and_then(|(_, mode)| MailMode::parse(mode)).unwrap_or(choice.mail);
        }
        let kinds_of = |team: &str| {
            let of = self.team_kinds.iter().filter_map(|text| text.strip_prefix(team)?.strip_prefix(':')?.split_once(':'));
            let read = |(kind, level): (&str, &str)| {
                Some(TeamKindChoice { kind: NotificationKind::named(kind)?, level: TeamKindLevel::parse(level)? })
            };
            of.filter_map(read).collect()
        };
        let teams = self.teams.iter().filter_map(|text| {
            let (team, level) = text.split_once(':')?;
            Some(TeamChoice { team: team.parse().ok()?, name: String::new(), level: TeamLevel::parse(level)?, kinds: kinds_of(team) })
        });
        let time = |field: &str, text: &str| {
            read_time_of_day(text).ok_or_else(|| AppError::field(field, "Give a time of the day, such as 22:00."))
        };
        let quiet = match &self.quiet {
            // Alike: none.
            None => QuietHours { from: 0, to: 0 },
            Some(_) => QuietHours { from: time("quietFrom", &self.quiet_from)?, to: time("quietTo", &self.quiet_to)? },
        };
        if self.quiet.is_some() && !quiet.is_valid() {
            return Err(AppError::field("quietTo", "Quiet hours end at another time than they begin."));
        }
        Ok(ChangePreferences {
            mail: before.mail_to.is_some().then_some(self.mailed.is_some()),
            kinds,
            teams: teams.collect(),
            digest: DigestPace::parse(&self.digest),
            digest_hour: self.digest_hour,
            quiet: Some(quiet),
            time_zone: Some(self.time_zone).filter(|zone| !zone.is_empty()),
        })
    }
}

/// A browser that is told by push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushDevice {
    pub id: PushDeviceId,
    pub name: String,
    /// The SHA-256 of its endpoint, by which a browser knows itself; the endpoint is a secret.
    pub mark: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sent_at: Option<i64>,
    /// Why the last message did not arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    pub created_at: i64,
}

/// What `PushSubscription.toJSON()` gives, flat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddPushDevice {
    pub endpoint: String,
    pub p256dh: String,
    pub auth: String,
    /// Without: what the browser calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Mail,
    Push,
}

impl Channel {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Push => "push",
        }
    }
}

/// Asks for a message that says nothing, to see whether it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendTest {
    pub channel: Channel,
    /// Which device; without, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<PushDeviceId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_come_back() {
        for minute in [0, 59, 60, 22 * 60 + 30, DAY_MINUTES - 1] {
            assert_eq!(read_time_of_day(&time_of_day(minute)), Some(minute));
        }
        for wrong in ["", "7", "24:00", "12:60", "-1:00", "a:b"] {
            assert_eq!(read_time_of_day(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn quiet_hours_may_go_over_midnight() {
        let night = QuietHours { from: 22 * 60, to: 7 * 60 };
        assert!(night.contains(23 * 60) && night.contains(0) && night.contains(7 * 60 - 1));
        assert!(!night.contains(7 * 60) && !night.contains(12 * 60));
        let noon = QuietHours { from: 12 * 60, to: 13 * 60 };
        assert!(noon.contains(12 * 60) && !noon.contains(13 * 60) && !noon.contains(0));
        assert!(!QuietHours { from: 5, to: 5 }.is_valid() && !QuietHours { from: 0, to: DAY_MINUTES }.is_valid());
    }

    #[test]
    fn a_form_changes_what_it_shows() {
        let kinds = vec![KindChoice::of(NotificationKind::Mention), KindChoice::of(NotificationKind::Reply)];
        let before = Preferences {
            mail: true,
            kinds,
            teams: Vec::new(),
            digest: DigestPace::Daily,
            digest_hour: 8,
            quiet: None,
            time_zone: None,
            mail_to: Some("a@b.example".to_owned()),
            push_key: String::new(),
        };
        let team = TeamId::generate();
        let form = SettingsForm {
            mail: vec!["mention:digest".to_owned(), "reply:nonsense".to_owned()],
            push: vec!["reply".to_owned()],
            teams: vec![format!("{team}:nothing"), "x:nothing".to_owned()],
            team_kinds: vec![format!("{team}:push:once"), format!("{team}:push:x"), "x:push:once".to_owned()],
            quiet: Some("on".to_owned()),
            quiet_from: "22:00".to_owned(),
            quiet_to: "07:00".to_owned(),
            ..SettingsForm::default()
        };
        let changes = form.clone().changes(&before).expect("a form");
        let told = |at: usize| (changes.kinds[at].mail, changes.kinds[at].push);
        assert_eq!([told(0), told(1)], [(MailMode::Digest, false), (MailMode::Once, true)]);
        let pushes = TeamKindChoice { kind: NotificationKind::Push, level: TeamKindLevel::Once };
        assert_eq!(changes.teams, [TeamChoice { team, name: String::new(), level: TeamLevel::Nothing, kinds: vec![pushes] }]);
        assert_eq!((changes.mail, changes.quiet), (Some(false), Some(QuietHours { from: 1_320, to: 420 })));
        let alike = SettingsForm { quiet_to: "22:00".to_owned(), ..form.clone() };
        assert!(alike.changes(&before).is_err_and(|error| error.fields.contains_key("quietTo")));
        let wrong = SettingsForm { quiet_from: "late".to_owned(), ..form };
        assert!(wrong.changes(&before).is_err_and(|error| error.fields.contains_key("quietFrom")));
    }

    #[test]
    fn the_matrix_begins_with_the_defaults_of_the_kinds() {
        assert_eq!(KindChoice::of(NotificationKind::Mention).mail, MailMode::Once);
        assert_eq!(KindChoice::of(NotificationKind::Update).mail, MailMode::Digest);
        for kind in NotificationKind::ALL {
            assert!(TeamLevel::Usual.lets(*kind) && !TeamLevel::Nothing.lets(*kind));
            assert_eq!(TeamLevel::Mentions.lets(*kind), *kind == NotificationKind::Mention);
        }
    }
}
