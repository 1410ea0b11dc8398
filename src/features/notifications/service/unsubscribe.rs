//! The link in each mail that ends it: without signing in, and back again (RFC 8058).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{
    super::{
        model::{KindChoice, MailMode, NotificationKind},
        store::{
            deliveries,
            preferences::{self as store, Recipient},
        },
    },
    delivery,
};
use crate::{
    error::{AppError, AppResult},
    features::analytics::service::{Event, UsageKind, record},
    ids::UserId,
    server::{context::Ctx, secrets},
};

const UNSUBSCRIBED: UsageKind = UsageKind::NotificationUnsubscribed;
const RESUBSCRIBED: UsageKind = UsageKind::NotificationResubscribed;

/// What a link turns off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailScope {
    /// All mail.
    All,
    /// Whatever comes in the digest.
    Digest,
    Kinds(Vec<NotificationKind>),
}

impl MailScope {
    fn text(&self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::Digest => "digest".to_owned(),
            Self::Kinds(kinds) => kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join("-"),
        }
    }

    /// A kind that this version does not know any more is left out.
    fn read(text: &str) -> Self {
        match text {
            "all" => Self::All,
            "digest" => Self::Digest,
            kinds => Self::Kinds(kinds.split('-').filter_map(NotificationKind::named).collect()),
        }
    }

    /// For a sentence: "You get no more mail …".
    pub fn words(&self) -> String {
        match self {
            Self::All => "of this server".to_owned(),
            Self::Digest => "with a digest".to_owned(),
            Self::Kinds(kinds) => {
                let words: Vec<String> = kinds.iter().map(|kind| format!("“{}”", kind.words())).collect();
                format!("about {}", words.join(", "))
            }
        }
    }
}

/// Whose mail, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub user: UserId,
    pub scope: MailScope,
}

fn mac(server_key: &[u8], said: &str) -> Hmac<Sha256> {
    let key = secrets::derive(server_key, b"llmos-lite links that end mail");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length");
    mac.update(said.as_bytes());
    mac
}

impl Link {
    /// What stands in the address. It lets whoever has it turn this mail of this account off and on, and nothing else, for as long as the server
    /// has its key: mail is kept for years.
    pub fn token(&self, server_key: &[u8]) -> String {
        let said = format!("{}.{}", self.user, self.scope.text());
        let mac = mac(server_key, &said).finalize().into_bytes();
        format!("{said}.{}", URL_SAFE_NO_PAD.encode(mac))
    }

    pub fn read(token: &str, server_key: &[u8]) -> Option<Self> {
        let (said, signature) = token.rsplit_once('.')?;
        mac(server_key, said).verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        let (user, scope) = said.split_once('.')?;
        Some(Self { user: user.parse().ok()?, scope: MailScope::read(scope) })
    }

    pub fn address(&self, ctx: &Ctx) -> String {
        format!("{}/unsubscribe?t={}", ctx.state.config.public_url(), self.token(&ctx.state.signing_key))
    }
}

/// What a link in a mail says, if it is one of ours and whole.
pub fn link(ctx: &Ctx, token: &str) -> AppResult<Link> {
    Link::read(token, &ctx.state.signing_key)
        .ok_or_else(|| AppError::invalid("This link is not whole, or not from here: open the one in the mail once more."))
}

/// Ends the mail of a link. What counted before, for [`resubscribe`].
pub async fn unsubscribe(ctx: &Ctx, link: &Link) -> AppResult<String> {
    change(ctx, link, UNSUBSCRIBED, |before, kinds| {
        kinds.into_iter().map(|kind| KindChoice { mail: MailMode::Off, ..before.choice(kind) }).collect()
    })
    .await
}

/// Takes that back. `was` is what [`unsubscribe`] gave; without it, the defaults of the kinds count.
pub async fn resubscribe(ctx: &Ctx, link: &Link, was: &str) -> AppResult<()> {
    let modes: Vec<(NotificationKind, MailMode)> = read_modes(was);
    change(ctx, link, RESUBSCRIBED, |before, kinds| {
        let kinds = if link.scope == MailScope::Digest { modes.iter().map(|(kind, _)| *kind).collect() } else { kinds };
        let mode = |kind: NotificationKind| modes.iter().find(|(known, _)| *known == kind).map_or(kind.default_mail(), |(_, mode)| *mode);
        kinds.into_iter().map(|kind| KindChoice { mail: mode(kind), ..before.choice(kind) }).collect()
    })
    .await?;
    Ok(())
}

/// `mention_once-reply_digest`.
fn read_modes(text: &str) -> Vec<(NotificationKind, MailMode)> {
    let one = |part: &str| {
        let (kind, mode) = part.split_once('_')?;
        Some((NotificationKind::named(kind)?, MailMode::parse(mode)?))
    };
    text.split('-').filter_map(one).collect()
}

async fn change(
    ctx: &Ctx,
    link: &Link,
    event: UsageKind,
    choose: impl FnOnce(&Recipient, Vec<NotificationKind>) -> Vec<KindChoice>,
) -> AppResult<String> {
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let mut found = store::recipients(&mut tx, &[link.user]).await?;
    store::add_choices(&mut tx, &mut found).await?;
    // The account is gone, and its mail with it.
    let Some(recipient) = found.remove(&link.user) else { return Ok(String::new()) };
    let kinds: Vec<NotificationKind> = match &link.scope {
        MailScope::All => Vec::new(),
        MailScope::Digest => {
            NotificationKind::ALL.iter().copied().filter(|kind| recipient.choice(*kind).mail == MailMode::Digest).collect()
        }
        MailScope::Kinds(kinds) => kinds.clone(),
    };
    let was: Vec<String> = kinds.iter().map(|kind| format!("{}_{}", kind.as_str(), recipient.choice(*kind).mail.as_str())).collect();
    if link.scope == MailScope::All {
        let mut settings = recipient.settings.clone();
        settings.mail = event == RESUBSCRIBED;
        store::set_settings(&mut tx, link.user, &settings, now).await?;
    } else {
        if event == UNSUBSCRIBED {
            // What a single team has mailed all the same would come on.
            let kinds = match &link.scope {
                MailScope::Kinds(kinds) => Some(kinds.as_slice()),
                MailScope::All | MailScope::Digest => None,
            };
            store::end_mail_of_teams(&mut tx, link.user, kinds).await?;
        }
        store::set_choices(&mut tx, link.user, &choose(&recipient, kinds), now).await?;
    }
    deliveries::look_again(&mut tx, link.user, now).await?;
    delivery::wake(&mut tx, now).await?;
    record(ctx, &mut tx, Event::new(event).subject(link.user)).await?;
    tx.commit().await?;
    Ok(was.join("-"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn link(scope: MailScope) -> Link {
        Link { user: UserId::generate(), scope }
    }

    #[test]
    fn links_come_back() {
        let kinds = MailScope::Kinds(vec![NotificationKind::Mention, NotificationKind::CoOwner]);
        for scope in [MailScope::All, MailScope::Digest, kinds] {
            let link = link(scope);
            let token = link.token(b"a key");
            assert!(
                token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)),
                "no letter that an address escapes: {token}"
            );
            assert_eq!(Link::read(&token, b"a key"), Some(link));
            assert_eq!(Link::read(&token, b"another key"), None);
        }
        for none in ["", ".", "a.b", "a.b.c", "0192.all."] {
            assert_eq!(Link::read(none, b"a key"), None, "{none}");
        }
    }

    #[test]
    fn what_was_is_read_again() {
        assert_eq!(
            read_modes("mention_once-nonsense_once-reply_digest-update_x"),
            [(NotificationKind::Mention, MailMode::Once), (NotificationKind::Reply, MailMode::Digest)]
        );
    }

    proptest! {
        #[test]
        fn a_link_that_was_changed_is_none(at in any::<prop::sample::Index>(), letter in "[a-zA-Z0-9._-]") {
            let token = link(MailScope::Kinds(vec![NotificationKind::Reply])).token(b"a key");
            let at = at.index(token.len());
            let changed = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
            // The last letter of base64 has bits that say nothing; the decoder refuses those that are not as they would be written.
            prop_assert!(changed == token || Link::read(&changed, b"a key").is_none());
        }
    }
}
