//! What a mail and a push message say.

use super::super::{
    model::{NotificationKind, Spot, SubjectKind},
    store::deliveries::WaitingRow,
};

/// One that is told of.
pub struct Item {
    pub kind: NotificationKind,
    /// Who did what.
    pub line: String,
    pub excerpt: String,
    /// Below the server's own address.
    pub path: String,
}

/// Everything about one subject.
pub struct Topic {
    pub title: String,
    /// The same for all that is about it, and for nothing else.
    pub tag: String,
    pub items: Vec<Item>,
}

/// On one line: what others wrote goes into headers.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Groups what goes in one message, in the order in which it happened.
pub fn topics(rows: &[WaitingRow]) -> Vec<Topic> {
    let mut topics: Vec<Topic> = Vec::new();
    for row in rows {
        let (kind, subject) = (NotificationKind::parse(&row.kind), SubjectKind::parse(&row.subject_kind));
        let spot: Spot = serde_json::from_str(&row.data).unwrap_or_default();
        let tag = subject.tag(&row.subject_id);
        // Somebody who is only invited sees nothing of the team yet: the bell has the button.
        let path = if spot.invitation_id.is_some() { "/notifications".to_owned() } else { subject.address_of(&row.subject_id, &spot) };
        let role = spot.role.map(|role| format!(" as {role}")).unwrap_or_default();
        let title = one_line(&row.title);
        let (title, line) = match kind {
            // What happened is its title, whoever did it.
            NotificationKind::Security => (kind.group().words().to_owned(), title),
            _ => (title, format!("{} {}{role}", one_line(&row.actor_name), kind.deed(subject, &spot))),
        };
        let item = Item { kind, line, excerpt: row.excerpt.clone(), path };
        match topics.iter_mut().find(|topic| topic.tag == tag) {
            Some(topic) => {
                // The newest one says what the subject is called now.
                topic.title = title;
                topic.items.push(item);
            }
            None => topics.push(Topic { title, tag, items: vec![item] }),
        }
    }
    topics
}

/// What happened, in a line.
pub fn headline(topics: &[Topic], digest: bool) -> String {
    let count: usize = topics.iter().map(|topic| topic.items.len()).sum();
    match topics {
        [topic] if topic.items.len() == 1 => format!("{} · {}", topic.items[0].line, topic.title),
        [topic] => format!("{count} new · {}", topic.title),
        topics if digest => format!("{count} new in {} places", topics.len()),
        _ => format!("{count} new"),
    }
}

#[cfg(test)]
pub fn row(kind: NotificationKind, subject: &str, title: &str, excerpt: &str) -> WaitingRow {
    WaitingRow {
        notification_id: crate::ids::NotificationId::generate().to_string(),
        target: "mail".to_owned(),
        user_id: crate::ids::UserId::generate().to_string(),
        batch: None,
        attempts: 0,
        kind: kind.as_str().to_owned(),
        subject_kind: "session".to_owned(),
        subject_id: subject.to_owned(),
        team_id: None,
        title: title.to_owned(),
        excerpt: excerpt.to_owned(),
        data: r#"{"number":4}"#.to_owned(),
        read_at: None,
        created_at: 0,
        actor_name: "Maya Chen".to_owned(),
        visible: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_headline_says_what_happened() {
        let one = row(NotificationKind::Mention, "7", "Api\r\nBcc: x@y", "look");
        let told = topics(std::slice::from_ref(&one));
        assert_eq!(headline(&told, false), "Maya Chen named you · Api Bcc: x@y");
        assert_eq!(told[0].items[0].path, "/sessions/7?entry=4");
        let same = row(NotificationKind::Reply, "7", "Api, renamed", "");
        assert_eq!(headline(&topics(&[one.clone(), same.clone()]), false), "2 new · Api, renamed");
        let other = row(NotificationKind::Reply, "8", "Other", "");
        assert_eq!(headline(&topics(&[one, same, other]), true), "3 new in 2 places");
        let mut own = row(NotificationKind::Security, "9", "Signed in on a new device", "Firefox, from 192.0.2.1");
        own.subject_kind = "security".to_owned();
        assert_eq!(headline(&topics(&[own]), false), "Signed in on a new device · Your account");
    }

    #[test]
    fn an_invitation_leads_to_its_button() {
        let mut one = row(NotificationKind::Invitation, "7", "Harbor", "");
        one.subject_kind = "team".to_owned();
        one.data = format!(r#"{{"invitationId":"{}","role":"member"}}"#, crate::ids::InvitationId::generate());
        let told = topics(&[one]);
        assert_eq!((told[0].items[0].path.as_str(), told[0].items[0].line.as_str()), ("/notifications", "Maya Chen invites you as member"));
    }
}
