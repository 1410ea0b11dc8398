//! Every kind of notification, one to a line: a further one needs no more than that.

use serde::{Deserialize, Serialize};

use super::{MailMode, Spot, SubjectKind};

/// Under which heading a kind stands in the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KindGroup {
    /// How one signs in.
    Account,
    Conversations,
    Teams,
    Publishing,
    Installed,
    Repositories,
    /// What agents' runs lead to.
    Evolution,
    /// What numbers say, to who asked to be told.
    Analytics,
    /// Only moderators get these.
    Moderators,
}

impl KindGroup {
    pub const ALL: [Self; 9] = [
        Self::Account,
        Self::Conversations,
        Self::Teams,
        Self::Publishing,
        Self::Installed,
        Self::Repositories,
        Self::Evolution,
        Self::Analytics,
        Self::Moderators,
    ];

    pub fn words(self) -> &'static str {
        match self {
            Self::Account => "Your account",
            Self::Conversations => "Conversations",
            Self::Teams => "Teams",
            Self::Publishing => "What you publish",
            Self::Installed => "What is installed",
            Self::Repositories => "Linked repositories",
            Self::Evolution => "Evolution",
            Self::Analytics => "Analytics",
            Self::Moderators => "For moderators",
        }
    }
}

/// For each kind: what it is; its name, its group, its words in the settings, what the actor did, how it is mailed to whoever chose nothing.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $kind:ident: $name:literal, $group:ident, $words:literal, $deed:literal, $mail:ident;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "lowercase")]
        pub enum NotificationKind {
            $($(#[doc = $doc])* $kind,)*
        }

        impl NotificationKind {
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// As it is stored, and as it stands in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $name),* }
            }
            pub fn group(self) -> KindGroup {
                match self { $(Self::$kind => KindGroup::$group),* }
            }
            pub fn words(self) -> &'static str {
                match self { $(Self::$kind => $words),* }
            }
            /// What the actor did, behind their name.
            fn plain_deed(self) -> &'static str {
                match self { $(Self::$kind => $deed),* }
            }
            /// For whoever chose nothing.
            pub fn default_mail(self) -> MailMode {
                match self { $(Self::$kind => MailMode::$mail),* }
            }
        }
    };
}

kinds! {
    /// Something changed about how one signs in, or one signed in on a new device.
    Security: "security", Account, "How you sign in changes, or a new device signs in", "changed how you sign in", Once;
    /// Somebody named one in a message or a comment.
    Mention: "mention", Conversations, "Somebody names you", "named you", Once;
    /// Somebody wrote in a thread that one takes part in, about one's message, or to one's review.
    Reply: "reply", Conversations, "Somebody answers you", "commented", Once;
    /// Somebody asks one into a team.
    Invitation: "invitation", Teams, "You are invited into a team", "invites you", Once;
    /// A moderator decided on what one submitted.
    Decision: "decision", Publishing, "A moderator decided on a submission", "decided on what you submitted", Once;
    /// Moderators took an item of one's own away, or gave it back.
    Moderation: "moderation", Publishing, "Moderators act on an item of yours", "decided about your item", Once;
    /// Somebody made one a co-owner of a listing.
    CoOwner: "coowner", Publishing, "You become a co-owner", "made you a co-owner", Digest;
    /// Somebody made one its owner.
    Owner: "owner", Publishing, "You become the owner", "made you the owner", Digest;
    /// What is installed was disabled, until somebody of its volume decides.
    Quarantine: "quarantine", Installed, "Something installed is disabled", "disabled what is installed", Once;
    /// Newer versions of what is installed are out.
    Update: "update", Installed, "Newer versions are out", "published a new version", Digest;
    /// They were installed without being asked for, as a volume is set.
    Updated: "updated", Installed, "Updates were installed by themselves", "set this volume to update by itself", Digest;
    /// A push to a linked repository changed a volume.
    Push: "push", Repositories, "A push changed a volume", "pushed to the repository", Digest;
    /// A volume could not be brought in step with its repository, or the history there was rewritten.
    Sync: "sync", Repositories, "A volume and its repository are out of step", "is out of step with a volume", Once;
    /// A pull request to a linked repository was opened, taken up again, reviewed, or closed without being merged.
    PullRequest: "pullrequest", Repositories, "A pull request is opened, reviewed or closed", "has a pull request", Once;
    /// An issue of a linked repository became a task, or was taken up again or closed.
    Issue: "issue", Repositories, "An issue becomes a task", "has an issue", Digest;
    /// A release at GitHub is prepared for the marketplace: it waits for one's signature.
    Sign: "sign", Publishing, "A release waits for your signature", "prepared a release for you to sign", Once;
    /// A release at GitHub could not be taken over.
    Release: "release", Publishing, "A release could not be taken over", "made a release that could not be taken over", Once;
    /// A skill is proposed, or that one is retired, where one may decide on it.
    Proposal: "proposal", Evolution, "Something is proposed that you may decide on", "made a proposal", Digest;
    /// What one's runs led to was accepted.
    Accepted: "accepted", Evolution, "What your runs led to is accepted", "accepted what your runs led to", Digest;
    /// A number left the bounds that one set for it.
    Alert: "alert", Analytics, "An alert of yours goes off", "asked to be told", Once;
    /// What was counted in the week that ended; for whoever chose mail or push for it.
    Weekly: "weekly", Analytics, "The numbers of each week", "asked for the week in numbers", Off;
    /// For moderators: somebody reported an item.
    Report: "report", Moderators, "Somebody reports an item", "reported an item", Digest;
    /// For moderators: publishers answer a decision.
    Appeal: "appeal", Moderators, "Publishers ask for another look", "asks for another look", Digest;
}

impl NotificationKind {
    pub fn parse(text: &str) -> Self {
        Self::named(text).unwrap_or(Self::Mention)
    }

    /// None: this version knows no such kind.
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }

    /// What the actor did, behind their name.
    pub fn deed(self, about: SubjectKind, spot: &Spot) -> &'static str {
        match self {
            Self::Reply if about == SubjectKind::Listing => "answered your review",
            Self::Mention if spot.thread_id.is_some() => "named you in a comment",
            // One notice tells of all that a pass proposes.
            Self::Proposal if spot.pattern_id.is_none() => "made several proposals",
            _ => self.plain_deed(),
        }
    }

    /// Whether it still comes from a team of which one wants to hear nothing but one's name.
    pub fn is_mention(self) -> bool {
        self == Self::Mention
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_stored_as_they_stand_in_json() {
        for kind in NotificationKind::ALL {
            assert_eq!(serde_json::to_string(kind).ok(), Some(format!("\"{}\"", kind.as_str())));
            assert_eq!(NotificationKind::parse(kind.as_str()), *kind);
        }
        assert_eq!(NotificationKind::named("of a later version"), None);
    }

    #[test]
    fn a_deed_knows_where_it_was_done() {
        let comment = Spot { thread_id: Some(crate::ids::ThreadId::generate()), ..Spot::default() };
        assert_eq!(NotificationKind::Mention.deed(SubjectKind::Session, &Spot::default()), "named you");
        assert_eq!(NotificationKind::Mention.deed(SubjectKind::Session, &comment), "named you in a comment");
        assert_eq!(NotificationKind::Reply.deed(SubjectKind::Listing, &Spot::default()), "answered your review");
    }
}
