//! When somebody is told: pure, over what they chose.

use jiff::{Timestamp, ToSpan as _, Zoned, civil::Time, tz::TimeZone};

use super::super::{
    model::{Channel, DigestPace, MailMode, NotificationKind, QuietHours},
    store::preferences::Recipient,
};
use crate::{ids::TeamId, server::clock};

/// Whether and when something is told, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Never,
    At {
        due: i64,
        /// With everything else that waits for the same time.
        digest: bool,
    },
}

/// When `channel` tells a recipient of something of this kind that happened at `happened`, after it was gathered for `gather` milliseconds.
pub fn verdict(
    recipient: &Recipient,
    channel: Channel,
    kind: NotificationKind,
    team: Option<TeamId>,
    happened: i64,
    gather: i64,
) -> Verdict {
    let Some(choice) = recipient.told(kind, team) else { return Verdict::Never };
    let settings = &recipient.settings;
    let zone = zone_of(recipient.zone());
    let loud = |at| settings.quiet.map_or(at, |quiet| after_quiet(at, quiet, &zone));
    match channel {
        Channel::Push if choice.push => Verdict::At { due: loud(happened + gather), digest: false },
        Channel::Mail if recipient.email.is_some() && settings.mail => match (choice.mail, settings.digest) {
            (MailMode::Off, _) => Verdict::Never,
            (MailMode::Once, _) => Verdict::At { due: loud(happened + gather), digest: false },
            (MailMode::Digest, DigestPace::Hourly) => Verdict::At { due: loud(next_full_hour(happened)), digest: true },
            // Its hour was chosen: it comes then, quiet or not.
            (MailMode::Digest, DigestPace::Daily) => {
                Verdict::At { due: next_hour_of_day(happened, settings.digest_hour, &zone), digest: true }
            }
        },
        Channel::Push | Channel::Mail => Verdict::Never,
    }
}

/// When something that is due may go, at `now`: a daily digest at its hour, all else not in quiet hours.
pub fn resting_until(recipient: &Recipient, channel: Channel, digest: bool, now: i64) -> i64 {
    let settings = &recipient.settings;
    match settings.quiet {
        Some(quiet) if !(digest && channel == Channel::Mail && settings.digest == DigestPace::Daily) => {
            after_quiet(now, quiet, &zone_of(recipient.zone()))
        }
        _ => now,
    }
}

/// UTC for what this machine does not know.
pub fn zone_of(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

fn local(at: i64, zone: &TimeZone) -> Option<Zoned> {
    Some(Timestamp::from_millisecond(at).ok()?.to_zoned(zone.clone()))
}

fn minute_of(time: &Zoned) -> i64 {
    i64::from(time.hour()) * 60 + i64::from(time.minute())
}

/// The same time if it is not in quiet hours, or else when they end.
pub fn after_quiet(at: i64, quiet: QuietHours, zone: &TimeZone) -> i64 {
    let mut end = at;
    // Where clocks are put forward over the end, it is later than it says, and may lie in quiet hours again.
    for _ in 0..3 {
        match local(end, zone) {
            Some(now) if quiet.contains(minute_of(&now)) => end = next_minute_of_day(&now, quiet.to).unwrap_or(end),
            _ => break,
        }
    }
    end
}

/// When a clock on the wall next says so; what it says twice counts where it is later, what it never says is a little after.
fn next_minute_of_day(now: &Zoned, minute: i64) -> Option<i64> {
    let time = Time::new(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0).ok()?;
    (0..3).find_map(|days| {
        let date = now.date().checked_add(days.days()).ok()?.to_datetime(time);
        let there = now.time_zone().to_ambiguous_zoned(date);
        let times = [there.clone().compatible().ok()?, there.later().ok()?];
        times.into_iter().map(|time| time.timestamp().as_millisecond()).find(|at| *at > now.timestamp().as_millisecond())
    })
}

fn next_full_hour(at: i64) -> i64 {
    (at.div_euclid(clock::HOUR) + 1) * clock::HOUR
}

fn next_hour_of_day(at: i64, hour: i64, zone: &TimeZone) -> i64 {
    local(at, zone).and_then(|now| next_minute_of_day(&now, hour * 60)).unwrap_or(at + clock::DAY)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::features::notifications::model::{KindChoice, TeamKindLevel, TeamLevel};

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a time").as_millisecond()
    }

    fn berlin() -> TimeZone {
        zone_of("Europe/Berlin")
    }

    const NIGHT: QuietHours = QuietHours { from: 22 * 60, to: 7 * 60 };

    fn somebody() -> Recipient {
        let mut recipient =
            Recipient { email: Some("a@b.example".to_owned()), account_zone: "Europe/Berlin".to_owned(), ..Recipient::default() };
        recipient.settings.quiet = Some(NIGHT);
        recipient
    }

    #[test]
    fn what_comes_at_night_waits_for_the_morning() {
        assert_eq!(after_quiet(at("2026-11-10T22:30:00Z"), NIGHT, &berlin()), at("2026-11-11T06:00:00Z"));
        assert_eq!(after_quiet(at("2026-11-11T02:00:00Z"), NIGHT, &berlin()), at("2026-11-11T06:00:00Z"));
        assert_eq!(after_quiet(at("2026-11-11T12:00:00Z"), NIGHT, &berlin()), at("2026-11-11T12:00:00Z"));
    }

    #[test]
    fn the_night_of_a_clock_change_is_as_long_as_it_is() {
        // Back by an hour on 25 October, forward on 29 March.
        assert_eq!(after_quiet(at("2026-10-24T21:00:00Z"), NIGHT, &berlin()), at("2026-10-25T06:00:00Z"));
        assert_eq!(after_quiet(at("2026-03-28T22:00:00Z"), NIGHT, &berlin()), at("2026-03-29T05:00:00Z"));
        // Half past two is there twice, or not at all.
        let short = QuietHours { from: 60, to: 150 };
        assert_eq!(after_quiet(at("2026-10-25T01:10:00Z"), short, &berlin()), at("2026-10-25T01:30:00Z"));
        assert_eq!(after_quiet(at("2026-03-29T00:30:00Z"), short, &berlin()), at("2026-03-29T01:30:00Z"));
    }

    #[test]
    fn a_daily_digest_comes_at_its_hour_in_the_persons_zone() {
        let mut recipient = somebody();
        recipient.settings.digest_hour = 6;
        let told = |recipient: &Recipient, when| verdict(recipient, Channel::Mail, NotificationKind::Update, None, at(when), 0);
        // In quiet hours, since it was chosen so.
        assert_eq!(told(&recipient, "2026-11-10T12:00:00Z"), Verdict::At { due: at("2026-11-11T05:00:00Z"), digest: true });
        assert_eq!(told(&recipient, "2026-11-10T05:00:00Z"), Verdict::At { due: at("2026-11-11T05:00:00Z"), digest: true });
        recipient.settings.digest = DigestPace::Hourly;
        assert_eq!(told(&recipient, "2026-11-10T12:10:00Z"), Verdict::At { due: at("2026-11-10T13:00:00Z"), digest: true });
        assert_eq!(told(&recipient, "2026-11-10T22:10:00Z"), Verdict::At { due: at("2026-11-11T06:00:00Z"), digest: true });
    }

    #[test]
    fn the_matrix_the_team_and_the_switch_decide() {
        let mut recipient = somebody();
        let (noon, team) = (at("2026-11-10T12:00:00Z"), TeamId::generate());
        let told = |recipient: &Recipient, channel, kind| verdict(recipient, channel, kind, Some(team), noon, 1_000);
        let soon = Verdict::At { due: noon + 1_000, digest: false };
        assert_eq!(told(&recipient, Channel::Mail, NotificationKind::Mention), soon);
        assert_eq!(told(&recipient, Channel::Push, NotificationKind::Mention), soon);
        assert_eq!(told(&recipient, Channel::Push, NotificationKind::Update), Verdict::Never);
        let off = KindChoice { kind: NotificationKind::Mention, mail: MailMode::Off, push: false };
        recipient.choices.insert(off.kind, off);
        assert_eq!(told(&recipient, Channel::Mail, NotificationKind::Mention), Verdict::Never);
        assert_eq!(told(&recipient, Channel::Push, NotificationKind::Mention), Verdict::Never);
        recipient.teams.insert(team, TeamLevel::Mentions);
        assert_eq!(told(&recipient, Channel::Mail, NotificationKind::Reply), Verdict::Never);
        // One kind of one team outweighs both.
        recipient.team_kinds.insert((team, NotificationKind::Push), TeamKindLevel::Once);
        for channel in [Channel::Mail, Channel::Push] {
            assert_eq!(told(&recipient, channel, NotificationKind::Push), soon);
            let elsewhere = verdict(&recipient, channel, NotificationKind::Push, Some(TeamId::generate()), noon, 1_000);
            assert_ne!(elsewhere, soon, "another team is as usual");
        }
        recipient.teams.insert(team, TeamLevel::Usual);
        recipient.team_kinds.insert((team, NotificationKind::Push), TeamKindLevel::Never);
        assert_eq!(told(&recipient, Channel::Mail, NotificationKind::Push), Verdict::Never);
        assert_eq!(told(&recipient, Channel::Mail, NotificationKind::Reply), soon);
        recipient.settings.mail = false;
        assert_eq!(told(&recipient, Channel::Mail, NotificationKind::Reply), Verdict::Never);
        assert_eq!(told(&recipient, Channel::Push, NotificationKind::Reply), soon);
        recipient.settings.mail = true;
        recipient.email = None;
        assert_eq!(told(&recipient, Channel::Mail, NotificationKind::Reply), Verdict::Never);
    }

    proptest! {
        #[test]
        fn nobody_is_told_in_quiet_hours_and_nothing_waits_for_ever(
            at in 1_700_000_000_000i64..2_100_000_000_000, from in 0..1_440i64, to in 0..1_440i64,
            zone in prop::sample::select(vec!["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "Pacific/Apia"]),
        ) {
            let (quiet, zone) = (QuietHours { from, to }, zone_of(zone));
            prop_assume!(quiet.is_valid());
            let told = after_quiet(at, quiet, &zone);
            prop_assert!(told >= at && told - at <= 50 * clock::HOUR);
            let now = local(told, &zone).expect("a time");
            prop_assert!(!quiet.contains(minute_of(&now)), "{now}");
        }

        #[test]
        fn a_digest_is_never_in_the_past(at in 1_700_000_000_000i64..2_100_000_000_000, hour in 0..24i64) {
            let due = next_hour_of_day(at, hour, &berlin());
            prop_assert!(due > at && due - at <= 25 * clock::HOUR);
            prop_assert!(next_full_hour(at) > at && next_full_hour(at) - at <= clock::HOUR);
        }
    }
}
