//! What can happen, in one place: every kind of usage event, with the number that it is stored by and the name that people read.

use std::fmt;

/// Makes [`Kind`] and its names of one list.
macro_rules! kinds {
    ($( $(#[$doc:meta])* $number:literal $kind:ident = $name:literal, )*) => {
        /// What happened. Numbers are stored and never given twice; names are `noun.verb`.
        ///
        /// Where a kind says nothing of `amount` and `extra`, they are 0. "ms" are milliseconds, "µs" microseconds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Kind { $( $(#[$doc])* $kind = $number, )* }

        impl Kind {
            /// All there are, by number.
            pub const ALL: &[Kind] = &[$( Kind::$kind, )*];

            /// Such as `session.created`.
            pub const fn as_str(self) -> &'static str {
                match self { $( Kind::$kind => $name, )* }
            }

            /// The kind that is stored as `number`; none for a number that was never given.
            pub const fn from_number(number: u16) -> Option<Self> {
                match number { $( $number => Some(Kind::$kind), )* _ => None }
            }

            /// The kind of that name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $( $name => Some(Kind::$kind), )* _ => None }
            }
        }
    };
}

impl Kind {
    /// As it is stored.
    pub const fn number(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

kinds! {
    // Accounts and teams.
    1 AccountCreated = "account.created",
    2 AccountUpdated = "account.updated",
    3 AccountDeleted = "account.deleted",
    4 AccountExported = "account.exported",
    5 AccountAdministered = "account.administered",
    6 AccountAvatarChanged = "account.avatar_changed",
    7 AccountSignedIn = "account.signed_in",
    8 AccountSignedOut = "account.signed_out",
    9 AccountSignedOutEverywhere = "account.signed_out_everywhere",
    10 AgentCreated = "agent.created",
    11 GithubLinked = "github.linked",
    12 GithubUnlinked = "github.unlinked",
    13 InvitationCreated = "invitation.created",
    14 InvitationRevoked = "invitation.revoked",
    15 PasswordChanged = "password.changed",
    16 PasswordLinkCreated = "password.link_created",
    17 PasswordSetByLink = "password.set_by_link",
    18 SettingsChanged = "settings.changed",
    19 TeamCreated = "team.created",
    20 TeamRenamed = "team.renamed",
    21 TeamDeleted = "team.deleted",
    22 TeamMemberJoined = "team.member_joined",
    23 TeamMemberLeft = "team.member_left",
    24 TeamMemberRemoved = "team.member_removed",
    25 TeamRoleChanged = "team.role_changed",
    26 TeamTransferred = "team.transferred",
    27 TokenCreated = "token.created",
    28 TokenRevoked = "token.revoked",
    29 FactorAdded = "factor.added",
    30 FactorRemoved = "factor.removed",
    31 RecoveryCodesMade = "recovery_codes.made",
    32 OidcLinked = "oidc.linked",
    33 OidcUnlinked = "oidc.unlinked",
    40 TeamExported = "team.exported",
    41 TeamImported = "team.imported",

    // Sessions: subject = the session.
    100 SessionCreated = "session.created",
    /// amount = ms since the message before it in the session, 30 minutes at most; 0 for the first.
    101 SessionMessageSent = "session.message_sent",
    102 SessionMessageEdited = "session.message_edited",
    103 SessionMessageDeleted = "session.message_deleted",
    /// amount = how many artifacts; volume = where to.
    104 SessionCommitted = "session.committed",
    105 SessionRenamed = "session.renamed",
    106 SessionArchived = "session.archived",
    107 SessionUnarchived = "session.unarchived",
    108 SessionDeleted = "session.deleted",
    109 SessionUndeleted = "session.undeleted",
    110 SessionErased = "session.erased",
    /// amount = how many messages. An imported session is no `session.created`.
    111 SessionImported = "session.imported",
    112 SessionExported = "session.exported",
    113 SessionJoined = "session.joined",
    114 SessionArtifactAdded = "session.artifact_added",
    115 SessionArtifactRemoved = "session.artifact_removed",
    /// amount = bytes.
    116 SessionFileAttached = "session.file_attached",
    /// One each quarter of an hour and workspace in which anybody was connected: amount = most people at once; no actor.
    117 PresencePeak = "presence.peak",

    // Artifacts: subject = the artifact; volume, kind and category as they were.
    /// One for each new artifact, however it came. amount = its [`Origin`].
    200 ArtifactCreated = "artifact.created",
    /// One for each artifact that a commit changed.
    201 ArtifactCommitted = "artifact.committed",
    202 ArtifactViewed = "artifact.viewed",
    203 ArtifactDownloaded = "artifact.downloaded",
    204 ArtifactExported = "artifact.exported",
    /// The copy is an `artifact.created` as well.
    205 ArtifactForked = "artifact.forked",
    206 ArtifactMoved = "artifact.moved",
    207 ArtifactRestored = "artifact.restored",
    /// Into the trash; one for each artifact.
    208 ArtifactDeleted = "artifact.deleted",
    /// Out of the trash; one for each artifact.
    209 ArtifactUndeleted = "artifact.undeleted",
    /// Out of the trash for ever: it was `artifact.deleted` before.
    210 ArtifactErased = "artifact.erased",
    /// One each minute and person while at least two people edit one document: amount = 60,000 ms.
    211 ArtifactCoedited = "artifact.coedited",
    /// One for each commit: subject = the commit, amount = how many changes are in it.
    212 CommitMade = "commit.made",
    213 DraftSaved = "draft.saved",
    214 DraftMerged = "draft.merged",
    215 DraftKept = "draft.kept",
    216 DraftDiscarded = "draft.discarded",
    217 DraftFieldSet = "draft.field_set",
    218 DraftTagged = "draft.tagged",
    219 FileSaved = "file.saved",
    220 FileDeleted = "file.deleted",
    221 FavouriteAdded = "favourite.added",
    222 FavouriteRemoved = "favourite.removed",
    /// amount = how many artifacts.
    223 TrashEmptied = "trash.emptied",
    /// Out of a volume without being deleted: by a move, or with the volume itself. amount = how many; kind and category are theirs, volume where they were.
    224 ArtifactLeft = "artifact.left",
    /// Into a volume without being made there: by a move, or with a team's archive. amount = how many; kind and category are theirs, volume where they are.
    225 ArtifactEntered = "artifact.entered",

    // Volumes.
    300 VolumeCreated = "volume.created",
    301 VolumeRenamed = "volume.renamed",
    302 VolumeDeleted = "volume.deleted",
    303 VolumeExported = "volume.exported",
    304 VolumeImportStarted = "volume.import_started",
    /// amount = how many artifacts.
    305 VolumeImported = "volume.imported",
    306 VolumeInstalled = "volume.installed",
    307 VolumePromoted = "volume.promoted",
    308 DemoAdded = "demo.added",
    309 DemoRemoved = "demo.removed",
    310 GitLinked = "git.linked",
    311 GitUnlinked = "git.unlinked",
    /// amount = how many artifacts.
    312 GitPulled = "git.pulled",

    // Pull requests of linked repositories: subject = repository and number.
    320 PullRequestOpened = "pull_request.opened",
    /// amount = ms from opening to merge.
    321 PullRequestMerged = "pull_request.merged",
    /// Closed without merging.
    322 PullRequestClosed = "pull_request.closed",

    // Comments and tasks.
    400 CommentCreated = "comment.created",
    401 CommentEdited = "comment.edited",
    402 CommentDeleted = "comment.deleted",
    403 CommentResolved = "comment.resolved",
    404 CommentReopened = "comment.reopened",
    405 TaskCreated = "task.created",
    406 TaskUpdated = "task.updated",
    407 TaskRemoved = "task.removed",

    // The assistant.
    420 AssistantAsked = "assistant.asked",
    421 AssistantAnswered = "assistant.answered",
    422 AssistantStopped = "assistant.stopped",
    423 AssistantToolAllowed = "assistant.tool_allowed",

    // Notifications.
    440 NotificationRead = "notification.read",
    441 NotificationPreferencesChanged = "notification.preferences_changed",
    442 NotificationDeviceAdded = "notification.device_added",
    443 NotificationDeviceRemoved = "notification.device_removed",
    444 NotificationUnsubscribed = "notification.unsubscribed",
    445 NotificationResubscribed = "notification.resubscribed",

    // Traces, skills and what grows out of them.
    /// subject = the trace; amount = 1 for a success, otherwise 0; extra = ms that it took. One that comes in pieces is counted once nothing has come of it for
    /// ten minutes.
    500 TraceTaken = "trace.taken",
    501 TraceRated = "trace.rated",
    502 TraceDeleted = "trace.deleted",
    /// One for each skill that a trace used: subject = the skill's artifact (or its name, where it is none of ours), artifact_kind = skill;
    /// amount = 1 where the trace succeeded, otherwise 0.
    503 SkillUsed = "skill.used",
    /// An accepted proposal became a skill: subject = its artifact. It is an `artifact.created` as well.
    504 SkillGenerated = "skill.generated",
    /// subject = the pattern.
    505 PatternFound = "pattern.found",
    /// subject = the proposal, here and below; extra = confidence in millionths.
    506 ProposalMade = "proposal.made",
    /// amount = ms from the pattern's first run to now; extra = confidence in millionths.
    507 ProposalAccepted = "proposal.accepted",
    /// extra = confidence in millionths.
    508 ProposalRejected = "proposal.rejected",
    509 ProposalEdited = "proposal.edited",
    510 ProposalDecided = "proposal.decided",
    511 ProposalPromoted = "proposal.promoted",
    512 EvolutionAsked = "evolution.asked",
    513 EvolutionDrafted = "evolution.drafted",
    514 EvolutionSet = "evolution.set",
    /// A pass over all traces of a workspace: amount = how many proposals it made.
    515 EvolutionPassed = "evolution.passed",
    /// A team lets its runs count for the patterns of all teams: amount = 1, or 0 when it no longer does.
    516 EvolutionShared = "evolution.shared",

    // The marketplace: subject = the listing, workspace = who publishes it.
    600 ListingViewed = "listing.viewed",
    /// Into a volume for the first time.
    601 ListingInstalled = "listing.installed",
    /// To another version.
    602 ListingUpdated = "listing.updated",
    /// The first use of what a workspace installed.
    603 ListingFirstUsed = "listing.first_used",
    /// amount = stars, 1 to 5.
    604 ItemRated = "item.rated",
    605 ItemReported = "item.reported",
    606 ItemModerated = "item.moderated",
    607 ItemEnabled = "item.enabled",
    608 ListingReserved = "listing.reserved",
    609 ListingRenamed = "listing.renamed",
    610 ListingDeleted = "listing.deleted",
    611 ListingDeprecated = "listing.deprecated",
    612 ListingDeprecationEnded = "listing.deprecation_ended",
    613 ListingOwnerAdded = "listing.owner_added",
    614 ListingOwnerRemoved = "listing.owner_removed",
    615 ListingTransferred = "listing.transferred",
    616 ListingScreenshotAdded = "listing.screenshot_added",
    617 ListingScreenshotRemoved = "listing.screenshot_removed",
    618 ListingScreenshotsArranged = "listing.screenshots_arranged",
    619 ReleaseSubmitted = "release.submitted",
    620 ReleaseSubmissionDeleted = "release.submission_deleted",
    621 ReleaseReviewed = "release.reviewed",
    622 ReleasePublished = "release.published",
    623 ReleaseWithdrawn = "release.withdrawn",
    624 ReviewAnswered = "review.answered",
    625 ReviewHidden = "review.hidden",
    626 ReviewShown = "review.shown",
    627 ReviewDeleted = "review.deleted",
    628 LockChanged = "lock.changed",
    629 LockSettings = "lock.settings",

    // Search: workspace = the team that was searched, otherwise whoever asked.
    /// amount = µs that it took; extra = how many results.
    700 SearchQueried = "search.queried",
    /// amount = the position of what was opened, from 1.
    701 SearchOpened = "search.opened",

    // What people keep of analytics: subject = the view, link or alert.
    720 AnalyticsViewSaved = "analytics.view_saved",
    721 AnalyticsViewDeleted = "analytics.view_deleted",
    722 AnalyticsShared = "analytics.shared",
    723 AnalyticsShareRevoked = "analytics.share_revoked",
    724 AnalyticsAlertSet = "analytics.alert_set",
    725 AnalyticsAlertDeleted = "analytics.alert_deleted",

    // The server itself: workspace 0, no actor.
    /// subject = the delivery; amount = ms until it was handled; extra = 1 if it failed.
    800 DeliveryReceived = "delivery.received",
    801 DeliveryReplayed = "delivery.replayed",
    /// amount = ms that it took; extra = 1 if it failed.
    802 JobEnded = "job.ended",
    /// One each minute and bucket of latency: amount = how many requests; extra = the bucket ([`latency`](crate::latency)).
    803 HttpServed = "http.served",
    /// One each minute in which there were any: amount = how many answers said 5xx.
    804 HttpFailed = "http.failed",
}

/// How an artifact came to be: the `amount` of [`Kind::ArtifactCreated`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Origin {
    /// By a person or by a program in their name.
    Written = 0,
    /// Of a proposal.
    Generated = 1,
    Forked = 2,
    /// From files or a repository.
    Imported = 3,
    /// From the marketplace.
    Installed = 4,
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn numbers_and_names_lead_back() {
        for &kind in Kind::ALL {
            assert_eq!(Kind::from_number(kind.number()), Some(kind));
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
        assert!(Kind::ALL.is_sorted());
        assert_eq!(Kind::from_number(0), None);
    }
}
