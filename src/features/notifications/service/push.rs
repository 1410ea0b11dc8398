//! Web Push (RFC 8030): messages to browsers, by way of the services that their makers run.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Client, StatusCode, Url, header};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    Failure,
    encryption::{BadKey, PLAIN_MAX, Subscription, Vapid},
    words::Topic,
};
use crate::{
    features::notifications::store::preferences::DeviceRow,
    ids::UserId,
    server::{clock, config::Config, error::chain, outgoing::PushRules},
};

const LIMIT: Duration = Duration::from_secs(20);
/// For so many seconds a service keeps what it cannot deliver: after that the bell says it better.
const KEPT: &str = "86400";
const RETRY_LONGEST_MS: i64 = clock::HOUR;

/// What sends messages.
pub struct PushSender {
    client: Client,
    pub rules: PushRules,
    pub vapid: Vapid,
}

/// What the service worker shows (`web/sw`).
#[derive(Serialize)]
pub struct PushMessage {
    /// Whom it tells: whoever is signed in on the device when it is answered may be somebody else.
    pub account: UserId,
    pub title: String,
    pub body: String,
    /// Below the server's own address.
    pub url: String,
    /// A later one of the same takes its place.
    pub tag: String,
    /// What is read when it is opened.
    pub ids: Vec<String>,
}

impl PushSender {
    pub fn new(config: &Config, server_key: &[u8]) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let site = config.public_url();
        let subject = match (&config.vapid_subject, &config.smtp) {
            (Some(subject), _) => subject.clone(),
            (None, _) if site.starts_with("https:") => site,
            (None, Some(smtp)) => {
                let address = smtp.from.rsplit('<').next().unwrap_or(&smtp.from).trim_end_matches('>').trim().to_owned();
                format!("mailto:{address}")
            }
            (None, None) => "mailto:nobody@localhost".to_owned(),
        };
        let vapid = Vapid::open(config.vapid_private_key.as_deref(), subject, server_key)
            .map_err(|BadKey| "VAPID_PRIVATE_KEY: it is not a private key of P-256 (32 bytes, base64url)")?;
        Ok(Self { client: config.push.client()?, rules: config.push.clone(), vapid })
    }

    /// Hands a message over; afterwards it is the service's to deliver.
    pub(super) async fn send(&self, device: &DeviceRow, message: &PushMessage, urgent: bool, now: i64) -> Result<(), Failure> {
        let unusable = |_| Failure::Gone;
        let url = Url::parse(&device.endpoint).map_err(|_| Failure::Gone)?;
        self.rules.check(&url).map_err(|sentence| Failure::Never { sentence })?;
        let subscription = Subscription::read(&device.p256dh, &device.auth).map_err(unusable)?;
        let body = subscription.encrypt(&message.fitting()).map_err(unusable)?;
        let authorization = self.vapid.authorization(&url.origin().ascii_serialization(), now).map_err(unusable)?;
        let request = self
            .client
            .post(url)
            .timeout(LIMIT)
            .header(header::AUTHORIZATION, authorization)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_ENCODING, "aes128gcm")
            .header("ttl", KEPT)
            .header("urgency", if urgent { "high" } else { "normal" })
            .header("topic", topic(&message.tag))
            .body(body);
        // The address is a secret: an error names it.
        let answer = request.send().await.map_err(|error| {
            let sentence = format!("The browser's push service cannot be reached: {}.", chain(&error.without_url()));
            Failure::Later { sentence, after: None }
        })?;
        let status = answer.status();
        let sentence = format!("The browser's push service answered {status}.");
        match status {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(Failure::Gone),
            StatusCode::TOO_MANY_REQUESTS => Err(Failure::Later { sentence, after: retry_after(answer.headers()) }),
            status if status.is_server_error() => Err(Failure::Later { sentence, after: retry_after(answer.headers()) }),
            _ => Err(Failure::Never { sentence }),
        }
    }
}

/// In milliseconds. A date is left out: our own pauses do then.
fn retry_after(headers: &header::HeaderMap) -> Option<i64> {
    let seconds: i64 = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(seconds.clamp(1, RETRY_LONGEST_MS / clock::SECOND) * clock::SECOND)
}

/// At most 32 letters of base64url.
fn topic(tag: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(tag.as_bytes())[..24])
}

impl PushMessage {
    pub fn of(account: UserId, topic: &Topic, ids: Vec<String>) -> Self {
        let (title, body) = match topic.items.as_slice() {
            [one] if one.excerpt.is_empty() => (one.line.clone(), topic.title.clone()),
            [one] => (one.line.clone(), format!("{}: {}", topic.title, one.excerpt)),
            items => (format!("{} new · {}", items.len(), topic.title), items.last().map(|item| item.line.clone()).unwrap_or_default()),
        };
        let url = match topic.items.as_slice() {
            [.., newest] => newest.path.clone(),
            [] => "/notifications".to_owned(),
        };
        Self { account, title, body, url, tag: topic.tag.clone(), ids }
    }

    /// As JSON that fits into one message: words are shortened first, then only the beginning of the list is marked as read.
    fn fitting(&self) -> Vec<u8> {
        const WORDS: usize = 300;
        const IDS: usize = 20;
        let cut = |text: &str| text.chars().take(WORDS).collect::<String>();
        let (title, body) = (cut(&self.title), cut(&self.body));
        let ids = self.ids[..self.ids.len().min(IDS)].to_vec();
        let account = self.account;
        let short = Self { account, title, body, url: self.url.clone(), tag: self.tag.clone(), ids };
        let bytes = serde_json::to_vec(&short).unwrap_or_default();
        if bytes.len() <= PLAIN_MAX {
            return bytes;
        }
        let least = Self {
            account,
            title: short.title,
            body: String::new(),
            url: "/notifications".to_owned(),
            tag: topic(&self.tag),
            ids: Vec::new(),
        };
        serde_json::to_vec(&least).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::words::{row, topics},
        *,
    };
    use crate::features::notifications::model::NotificationKind;

    #[test]
    fn a_message_fits_whatever_it_is_about() {
        let (long, account) = ("💡".repeat(3_000), UserId::generate());
        let rows: Vec<_> = (0..2_000).map(|_| row(NotificationKind::Mention, &"7".repeat(5_000), &long, &long)).collect();
        let ids = rows.iter().map(|row| row.notification_id.clone()).collect();
        let message = PushMessage::of(account, &topics(&rows)[0], ids);
        assert!(message.fitting().len() <= PLAIN_MAX);
        let one = row(NotificationKind::Mention, "7", "Api review", "look here");
        let message = PushMessage::of(account, &topics(std::slice::from_ref(&one))[0], vec![one.notification_id.clone()]);
        let read: serde_json::Value = serde_json::from_slice(&message.fitting()).expect("JSON");
        assert_eq!((&read["title"], &read["body"]), (&"Maya Chen named you".into(), &"Api review: look here".into()));
        assert_eq!(read["account"], account.to_string());
        assert_eq!((&read["url"], &read["ids"][0]), (&"/sessions/7?entry=4".into(), &one.notification_id.into()));
    }

    #[test]
    fn topics_are_short_and_their_own() {
        assert_eq!(topic("session-7").len(), 32);
        assert_ne!(topic("session-7"), topic("session-8"));
    }

    #[test]
    fn a_service_says_how_long_to_wait() {
        let waits = |value: &str| {
            let mut headers = header::HeaderMap::new();
            headers.insert(header::RETRY_AFTER, value.parse().expect("a header"));
            retry_after(&headers)
        };
        assert_eq!([waits("120"), waits("0"), waits("999999999"), waits("soon")], [Some(120_000), Some(1_000), Some(3_600_000), None]);
    }
}
