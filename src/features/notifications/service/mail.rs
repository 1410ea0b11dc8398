//! Mail: what it looks like, and the server that takes it.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};

use super::{
    Failure,
    unsubscribe::MailScope,
    words::{Topic, headline},
};
use crate::{
    features::artifacts::markdown::escape,
    server::{config::Smtp, error::chain},
};

/// How long the server may take for one mail, all in all …
const LIMIT: Duration = Duration::from_secs(60);
/// … and for one step of it.
const STEP: Duration = Duration::from_secs(20);
/// More are counted, not shown: the bell has them all.
const SHOWN: usize = 50;

/// The way to the server that takes our mail.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// What ids of mails end with.
    host: String,
}

/// A mail before it has a form.
pub struct Mail<'a> {
    /// Its `Message-ID`: sent a second time, it is the same mail.
    pub id: &'a str,
    pub to: &'a str,
    pub topics: &'a [Topic],
    pub digest: bool,
    /// The server's address, without a slash at its end.
    pub site: &'a str,
    /// What the link in it turns off, and the link.
    pub scope: &'a MailScope,
    pub unsubscribe: String,
}

impl Mailer {
    pub fn new(smtp: &Smtp, site: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&smtp.url).map_err(|error| format!("SMTP_URL: {error}"))?;
        let from = smtp.from.parse().map_err(|error| format!("SMTP_FROM: “{}” is not an address of mail: {error}", smtp.from))?;
        let host = reqwest::Url::parse(site).ok().and_then(|url| url.host_str().map(str::to_owned));
        Ok(Self { transport: transport.timeout(Some(STEP)).build(), from, host: host.unwrap_or_else(|| "localhost".to_owned()) })
    }

    /// Whether the server answers and takes our name and password; one sentence when not.
    pub async fn reach(&self) -> Result<(), String> {
        match tokio::time::timeout(STEP, self.transport.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err("the mail server answers, but not as one".to_owned()),
            Ok(Err(error)) => Err(chain(&error)),
            Err(_) => Err("the mail server took too long".to_owned()),
        }
    }

    /// Hands a mail over; afterwards it is the server's to deliver.
    pub(super) async fn send(&self, mail: &Mail<'_>) -> Result<(), Failure> {
        let message = self.message(mail)?;
        self.hand_over(message).await
    }

    /// One that says nothing but that it arrived.
    pub(super) async fn send_test(&self, id: &str, to: &str, site: &str) -> Result<(), Failure> {
        let text = format!("Mail of this server reaches you. What is sent here is chosen at {site}/settings/notifications\r\n");
        let message = Message::builder()
            .from(self.from.clone())
            .to(address(to)?)
            .subject("Test · LLMos-Lite")
            .message_id(Some(self.id(id)))
            .raw_header(raw("Auto-Submitted", "auto-generated".to_owned()))
            .body(text)
            .map_err(unwritable)?;
        self.hand_over(message).await
    }

    async fn hand_over(&self, message: Message) -> Result<(), Failure> {
        match tokio::time::timeout(LIMIT, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failure(&error)),
            Err(_) => Err(Failure::Down { sentence: "The mail server took too long.".to_owned() }),
        }
    }

    fn id(&self, name: &str) -> String {
        format!("<{name}@{}>", self.host)
    }

    fn message(&self, mail: &Mail<'_>) -> Result<Message, Failure> {
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(address(mail.to)?)
            .subject(headline(mail.topics, mail.digest))
            .message_id(Some(self.id(mail.id)))
            .raw_header(raw("Auto-Submitted", "auto-generated".to_owned()))
            .raw_header(raw("List-Unsubscribe", format!("<{}>", mail.unsubscribe)))
            .raw_header(raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
        // A mail that nobody got is what all about one subject answer: so programs show them as one conversation.
        if let ([topic], false) = (mail.topics, mail.digest) {
            let thread = self.id(&topic.tag);
            message = message.in_reply_to(thread.clone()).references(thread);
        }
        message.multipart(MultiPart::alternative_plain_html(text(mail), html(mail))).map_err(unwritable)
    }
}

fn raw(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

fn address(text: &str) -> Result<Mailbox, Failure> {
    let address =
        text.parse().map_err(|_| Failure::Never { sentence: "The account's address is not one that mail goes to.".to_owned() })?;
    Ok(Mailbox::new(None, address))
}

fn unwritable(error: lettre::error::Error) -> Failure {
    Failure::Never { sentence: format!("The mail could not be written: {error}.") }
}

/// What the server says, or that it is not there.
fn failure(error: &lettre::transport::smtp::Error) -> Failure {
    let said = chain(error);
    match verdict(error.status().map(u16::from)) {
        Verdict::Never => Failure::Never { sentence: format!("The mail server refused it: {said}.") },
        Verdict::Later => Failure::Later { sentence: format!("The mail server put it off: {said}."), after: None },
        Verdict::Down => Failure::Down { sentence: format!("The mail server cannot be used: {said}.") },
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Never,
    /// This one waits; others go on.
    Later,
    /// All wait.
    Down,
}

/// What a code of an answer is about (RFC 5321, 4.2.3; RFC 7504 for 556).
fn verdict(code: Option<u16>) -> Verdict {
    match code {
        // This mail or its address.
        Some(550..=554 | 556) => Verdict::Never,
        // Full mailboxes and greylisting; parameters that the server does not take, which are the address's as well as the sender's: nobody else has to wait
        // for them, and nothing is lost where it is the operator who mends that.
        Some(450..=452 | 455 | 501 | 555) => Verdict::Later,
        // Such as refused credentials: the operator's to mend, and mail waits for that.
        _ => Verdict::Down,
    }
}

/// Why one gets it, and how that ends.
fn because(mail: &Mail<'_>) -> String {
    match mail.scope {
        MailScope::Kinds(kinds) if !mail.digest => {
            let words: Vec<&str> = kinds.iter().map(|kind| kind.words()).collect();
            format!("You get this mail because you chose: {}.", words.join(", "))
        }
        _ => "This is your digest.".to_owned(),
    }
}

fn text(mail: &Mail<'_>) -> String {
    let mut text = String::new();
    let mut left = SHOWN;
    for topic in mail.topics {
        if left == 0 {
            break;
        }
        text.push_str(&format!("{}\n\n", topic.title));
        for item in topic.items.iter().take(left) {
            text.push_str(&format!("{}\n", item.line));
            if !item.excerpt.is_empty() {
                text.push_str(&format!("> {}\n", item.excerpt));
            }
            text.push_str(&format!("{}{}\n\n", mail.site, item.path));
        }
        left = left.saturating_sub(topic.items.len());
    }
    if let Some(more) = more(mail) {
        text.push_str(&format!("{more}: {}/notifications\n\n", mail.site));
    }
    text.push_str(&format!(
        "-- \n{}\nNo more of it: {}\nAll settings: {}/settings/notifications\n",
        because(mail),
        mail.unsubscribe,
        mail.site
    ));
    text
}

fn more(mail: &Mail<'_>) -> Option<String> {
    let count: usize = mail.topics.iter().map(|topic| topic.items.len()).sum();
    (count > SHOWN).then(|| format!("and {} more", count - SHOWN))
}

/// Plain elements in the reader's own colours and letters: that is what a screen reader, a dark theme and a large font need.
fn html(mail: &Mail<'_>) -> String {
    let mut html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{}</title></head>\
         <body style=\"font-family:system-ui,sans-serif;line-height:1.5;max-width:40rem\">",
        escape(&headline(mail.topics, mail.digest))
    );
    let mut left = SHOWN;
    for topic in mail.topics {
        if left == 0 {
            break;
        }
        html.push_str(&format!("<h2 style=\"font-size:1.1rem\">{}</h2><ul style=\"padding-left:1.2rem\">", escape(&topic.title)));
        for item in topic.items.iter().take(left) {
            html.push_str(&format!("<li><p><a href=\"{}{}\">{}</a>", escape(mail.site), escape(&item.path), escape(&item.line)));
            if !item.excerpt.is_empty() {
                html.push_str(&format!("<br>{}", escape(&item.excerpt)));
            }
            html.push_str("</p></li>");
        }
        html.push_str("</ul>");
        left = left.saturating_sub(topic.items.len());
    }
    let site = escape(mail.site);
    if let Some(more) = more(mail) {
        html.push_str(&format!("<p><a href=\"{site}/notifications\">{more}</a></p>"));
    }
    html.push_str(&format!(
        "<hr><p style=\"font-size:.9rem\">{} <a href=\"{}\">No more of it</a> · <a href=\"{site}/settings/notifications\">All settings</a></p></body></html>",
        escape(&because(mail)),
        escape(&mail.unsubscribe)
    ));
    html
}

#[cfg(test)]
mod tests {
    use super::{
        super::words::{row, topics},
        *,
    };
    use crate::features::notifications::model::NotificationKind;

    fn written(topics: &[Topic], digest: bool) -> String {
        let smtp = Smtp { url: "smtp://localhost".to_owned(), from: "Harbor <llmos@harbor.example>".to_owned() };
        let mailer = Mailer::new(&smtp, "https://harbor.example").expect("an address");
        let mail = Mail {
            id: "1",
            to: "tom@x.example",
            topics,
            digest,
            site: "https://harbor.example",
            scope: &MailScope::Kinds(vec![NotificationKind::Mention]),
            unsubscribe: "https://harbor.example/unsubscribe?t=abc".to_owned(),
        };
        String::from_utf8(mailer.message(&mail).expect("a mail").formatted()).expect("UTF-8").replace("=\r\n", "")
    }

    #[test]
    fn what_is_about_one_address_keeps_no_others_waiting() {
        for (codes, expected) in [
            (&[550, 551, 553, 554, 556][..], Verdict::Never),
            (&[450, 451, 452, 501, 555], Verdict::Later),
            (&[421, 454, 500, 521, 530, 535], Verdict::Down),
        ] {
            for code in codes {
                assert_eq!(verdict(Some(*code)), expected, "{code}");
            }
        }
        assert_eq!(verdict(None), Verdict::Down, "it is not there");
    }

    #[test]
    fn what_others_wrote_is_text() {
        let told = topics(&[row(NotificationKind::Mention, "7", "<b>Api</b>\r\nBcc: eve@x.example", "<script>alert(1)</script> & more")]);
        let mail = written(&told, false);
        assert!(mail.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; more"), "{mail}");
        let html = mail.split("text/html").nth(1).expect("a part of HTML");
        assert!(!html.contains("<script>") && html.contains("&lt;b&gt;Api"), "{mail}");
        assert!(!mail.contains("\r\nBcc:"), "{mail}");
        assert!(mail.contains("Message-ID: <1@harbor.example>") && mail.contains("References: <session-7@harbor.example>"), "{mail}");
        assert!(mail.contains("List-Unsubscribe: <https://harbor.example/unsubscribe?t=abc>"), "{mail}");
        assert!(mail.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{mail}");
    }

    #[test]
    fn a_digest_is_no_part_of_a_conversation_and_ends_somewhere() {
        let rows: Vec<_> = (0..60).map(|number| row(NotificationKind::Reply, &number.to_string(), "Api", "")).collect();
        let mail = written(&topics(&rows), true);
        assert!(!mail.contains("References:") && mail.contains("and 10 more"), "{mail}");
        assert_eq!(mail.matches("https://harbor.example/sessions/").count(), 2 * SHOWN);
    }

    #[test]
    fn an_address_of_nobody_is_refused() {
        let smtp = |url: &str, from: &str| Mailer::new(&Smtp { url: url.to_owned(), from: from.to_owned() }, "https://x.example").err();
        assert!(smtp("smtp://localhost", "nobody").is_some_and(|error| error.to_string().contains("SMTP_FROM")));
        assert!(smtp("http://localhost", "a@b.example").is_some_and(|error| error.to_string().contains("SMTP_URL")));
    }
}
